import { describe, expect, it } from "vitest";
import type { PartitionRow, StreamProcess } from "@/shared/api/types";
import { engineWords, newestGaps, shardsIn } from "./engine";

const process = (shards: string, rest: Partial<StreamProcess> = {}): StreamProcess => ({
  shards,
  is_owner: true,
  is_leader: false,
  ticks_per_s: 1,
  problem: null,
  ...rest,
});

describe("the engine in words", () => {
  it("is one sentence for one process", () => {
    expect(engineWords([process("0-63", { is_leader: true })])).toBe(
      "One process evaluates all 64 shards and makes the lists of the whole market.",
    );
  });

  it("names the leader of several, who is missing and who stands by", () => {
    const two = [process("0-31"), process("32-63", { is_leader: true })];
    expect(engineWords(two)).toBe(
      "2 processes evaluate 64 of 64 shards; the one of shards 32-63 makes the lists of the whole market.",
    );
    expect(engineWords([process("0-31"), process("0-63", { is_owner: false })])).toBe(
      "One process evaluates 32 shards; nobody makes the lists of the whole market now. One more stands by.",
    );
    expect(engineWords([])).toBe("No process evaluates rules now.");
  });

  it("counts a range", () => {
    expect(["0-63", "7-7", "x"].map(shardsIn)).toEqual([64, 1, 0]);
  });
});

describe("gaps", () => {
  it("are told once, the newest first", () => {
    const gap = { reason: "positions jumped", at: "2026-11-20T09:00:00.000Z" };
    const newer = { reason: "log lost", at: "2026-11-20T10:00:00.000Z" };
    const part = (gaps: PartitionRow["recent_gaps"]) => ({ partition: 0, recent_gaps: gaps }) as PartitionRow;
    const found = newestGaps([part([gap, newer]), part([gap])], 5);
    expect(found.map((one) => one.words)).toEqual([
      "Partition 0: the log was lost and begun anew",
      "Partition 0: frames of the feed are missing",
    ]);
    expect(newestGaps([part([gap, newer])], 1)).toHaveLength(1);
  });
});
