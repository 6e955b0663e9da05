/** Which store keeps option chains, in words. Pure. */
import type { ChainsKept } from "@/shared/api/types";

const NAMES: Record<ChainsKept["store"], string> = {
  postgresql: "PostgreSQL",
  mongodb: "MongoDB",
  memory: "memory",
};

/** A sentence; where the store is away, why, and what goes on without it. */
export function chainsWords({ store, problem }: ChainsKept): string {
  if (!problem) return `Option chains are kept in ${NAMES[store]}.`;
  return `Option chains are away: ${problem.replace(/\.$/, "")}. Alerts go on without them.`;
}
