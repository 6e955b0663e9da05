/** Names of the registry: fields, functions, lists of instruments. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { registryQuery } from "@/shared/api/rules";

export const useRegistry = () => useQuery(registryQuery).data;

/** Names of more than one word cannot stand in a rule. */
export function useUniverses(): string[] {
  const names = useRegistry()?.universes;
  return useMemo(() => names?.filter((name) => /^[A-Za-z_]\w*$/.test(name)) ?? [], [names]);
}
