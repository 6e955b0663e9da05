/** Names of the registry: fields, functions, lists of instruments. */
import { useQuery } from "@tanstack/react-query";
import { registryQuery } from "@/shared/api/rules";

export const useRegistry = () => useQuery(registryQuery).data;

const NONE: string[] = [];

export const useUniverses = (): string[] => useRegistry()?.universes ?? NONE;
