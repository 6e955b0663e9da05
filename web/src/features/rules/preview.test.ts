import { describe, expect, it } from "vitest";
import type { Preview, PreviewMarker } from "@/shared/api/ruleTypes";
import { dayBars, firedBy, marksOf, pace, times } from "./preview";

const marker = (symbol: string, time: string): PreviewMarker => ({
  firing_id: `${symbol}${time}`,
  instrument: `NSE:${symbol}`,
  symbol,
  time,
  value: "1",
  event: "enter",
});
const preview = {
  markers: [
    marker("B", "2026-03-02T10:00:00Z"),
    marker("A", "2026-03-02T10:00:00Z"),
    marker("B", "2026-03-01T10:00:00Z"),
  ],
} as Preview;

describe("a preview in words", () => {
  it("measures days by the busiest one", () => {
    const bars = dayBars([
      { date: "2026-03-01", count: 0 },
      { date: "2026-03-02", count: 4 },
      { date: "2026-03-03", count: 1 },
    ]);
    expect(bars.map((bar) => bar.share)).toEqual([0, 1, 0.25]);
    expect(dayBars([{ date: "2026-03-01", count: 0 }])[0]?.share).toBe(0);
  });

  it("counts as people do", () => {
    expect([0, 1, 12].map((count) => times(count))).toEqual(["never", "once", "12 times"]);
  });

  it("says how often that is", () => {
    const of = (fires: number, per_day: number) => pace({ fires, per_day, by_day: [] });
    expect(of(0, 0)).toContain("rare");
    expect(of(3, 3 / 62)).toBe("About one in 21 days.");
    expect(of(60, 0.97)).toBe("About one a day.");
    expect(of(90, 1.45)).toBe("About 1.5 a day.");
    expect(of(900, 14.5)).toBe("About 15 a day.");
  });

  it("finds the marks of one instrument, oldest first, and who fired most", () => {
    expect(marksOf(preview, "NSE:B").map((mark) => mark.time)).toEqual([
      Date.parse("2026-03-01T10:00:00Z") / 1000,
      Date.parse("2026-03-02T10:00:00Z") / 1000,
    ]);
    expect(firedBy(preview).map((one) => [one.symbol, one.count])).toEqual([
      ["B", 2],
      ["A", 1],
    ]);
  });
});
