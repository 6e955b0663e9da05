import { describe, expect, it } from "vitest";
import type { DeliveryFigures } from "@/shared/api/delivery";
import { jobWords, latency, queueWords, sinceOf, statesOf, tally } from "./delivery";

const figures = (states: Record<string, number>, oldest: number | null = null): DeliveryFigures => ({
  states,
  oldest_unsent_s: oldest,
  dead: states.dead ?? 0,
  latency_ms: { p50: null, p99: null },
  by_channel: [],
});

describe("the queue in one sentence", () => {
  it("works, waits, lags or failed", () => {
    expect(queueWords(figures({ sent: 9 }))).toEqual({ tone: "ok", words: "Nothing waits to be sent." });
    expect(queueWords(figures({ queued: 1, retry: 1, held: 3 }, 2)).words).toBe(
      "2 messages on the way. 3 messages wait for quiet hours, a digest or a storm's end.",
    );
    expect(queueWords(figures({ held: 1 })).words).toContain("1 message waits for");
    expect(queueWords(figures({ dead: 1, queued: 4 }, 1))).toEqual({
      tone: "warn",
      words: "1 message was given up and can be sent again.",
    });
    expect(queueWords(figures({ dead: 1, queued: 4 }, 95)).tone).toBe("bad");
  });

  it("lists states in the order of a message's life, known ones first", () => {
    expect(statesOf({ dead: 1, sent: 4, held: 0, queued: 2, odd: 1 })).toEqual([
      ["queued", 2],
      ["sent", 4],
      ["dead", 1],
      ["odd", 1],
    ]);
  });

  it("sums a channel up", () => {
    const states = { sent: 3, carried: 2, held: 1, retry: 1, dead: 1, suppressed: 4 };
    expect(tally({ channel: "slack", states, latency_ms: { p50: 1, p99: 2 } })).toEqual({
      sent: 5,
      open: 2,
      dead: 1,
      other: 4,
    });
  });
});

it("writes latencies by their size", () => {
  expect([null, 12.4, 1400, 75_000].map(latency)).toEqual(["—", "12 ms", "1.4 s", "1 min 15 s"]);
});

it("begins a span on a whole minute", () => {
  const now = Date.parse("2026-11-27T10:00:42Z");
  expect(sinceOf("1h", now)).toBe("2026-11-27T09:00:00.000Z");
  expect(sinceOf("", now)).toBeUndefined();
});

it("says what a job does", () => {
  expect(jobWords({ state: "running", progress: 0.42, stage: "replaying" })).toBe("runs 42 %: replaying");
  expect(jobWords({ state: "running", progress: 0, stage: "" })).toBe("runs");
  expect(jobWords({ state: "dead", progress: 1, stage: "" })).toBe("given up");
});
