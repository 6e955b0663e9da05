/** How the engine is split over processes, in words. Pure. */
import type { PartitionRow, StreamProcess } from "@/shared/api/types";

export const ALL_SHARDS = 64;

/** How many shards a range such as `0-31` holds; 0 where it is none. */
export function shardsIn(range: string): number {
  const found = /^(\d+)-(\d+)$/.exec(range);
  return found ? Number(found[2]) - Number(found[1]) + 1 : 0;
}

/** One sentence: who evaluates, who makes the whole market, who stands by. */
export function engineWords(processes: readonly StreamProcess[]): string {
  const owners = processes.filter((one) => one.is_owner);
  const standing = processes.length - owners.length;
  if (owners.length === 0) return "No process evaluates rules now.";
  const held = owners.reduce((total, one) => total + shardsIn(one.shards), 0);
  const leader = processes.find((one) => one.is_leader);
  const share =
    owners.length === 1
      ? `One process evaluates ${held === ALL_SHARDS ? `all ${ALL_SHARDS}` : held} shards`
      : `${owners.length} processes evaluate ${held} of ${ALL_SHARDS} shards`;
  const lists =
    owners.length === 1 && leader
      ? " and makes the lists of the whole market."
      : leader
        ? `; the one of shards ${leader.shards} makes the lists of the whole market.`
        : "; nobody makes the lists of the whole market now.";
  const spare = standing === 0 ? "" : standing === 1 ? " One more stands by." : ` ${standing} more stand by.`;
  return `${share}${lists}${spare}`;
}

const REASONS: Record<string, string> = {
  "positions jumped": "frames of the feed are missing",
  "corrupt frame": "a damaged frame was left out",
  "log lost": "the log was lost and begun anew",
  "no checkpoint for this log": "no checkpoint fits this log: counted anew",
  "checkpoint refused": "a checkpoint could not be used",
  "checkpoint damaged": "a damaged checkpoint was passed over",
};

export interface Gap {
  id: string;
  at: string | null;
  words: string;
}

/** The newest gaps of all partitions, the newest first; processes that tell the same one tell it once. */
export function newestGaps(partitions: readonly PartitionRow[], most: number): Gap[] {
  const found = new Map<string, Gap>();
  for (const part of partitions)
    for (const gap of part.recent_gaps) {
      const id = `${part.partition} ${gap.at} ${gap.reason}`;
      found.set(id, {
        id,
        at: gap.at,
        words: `Partition ${part.partition}: ${REASONS[gap.reason] ?? gap.reason}`,
      });
    }
  return [...found.values()].sort((a, b) => (b.at ?? "").localeCompare(a.at ?? "")).slice(0, most);
}
