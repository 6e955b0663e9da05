import { describe, expect, it } from "vitest";
import { decimalsOf, linear, nearest, pathOf, roundMoments, spanOf, squeeze, ticks, valueAt } from "./scale";

describe("scales", () => {
  it("spans what is known and is never empty", () => {
    expect(spanOf([3, null, -1, Number.NaN])).toEqual({ low: -1, high: 3 });
    expect(spanOf([0, 10], 0.1)).toEqual({ low: -1, high: 11 });
    expect(spanOf([200, 200])).toEqual({ low: 190, high: 210 });
    expect(spanOf([0])).toEqual({ low: -1, high: 1 });
    expect(spanOf([null])).toBeNull();
  });

  it("puts ticks at round numbers inside the span", () => {
    expect(ticks({ low: 0, high: 1 }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks({ low: 23_870, high: 25_130 }, 5)).toEqual([24_000, 24_500, 25_000]);
    expect(ticks({ low: -7.2, high: 7.9 }, 4)).toEqual([-5, 0, 5]);
    expect(ticks({ low: 1, high: 1 }, 4)).toEqual([]);
    expect(decimalsOf(ticks({ low: 0.6765, high: 0.6776 }, 4))).toBe(4);
    expect(decimalsOf(ticks({ low: 9.9, high: 10.2 }, 6))).toBe(2);
    expect(decimalsOf([0, 5000])).toBe(0);
    expect(decimalsOf([7])).toBe(0);
    // Minus zero would be written as "−0".
    expect(Object.is(ticks({ low: -1, high: 1 }, 2)[1], 0)).toBe(true);
  });

  it("draws around what is unknown", () => {
    const same = (value: number) => value;
    expect(pathOf([[0, 1], [1, 2], [2, null], [3, 4]], same, same)).toBe("M0.0 1.0L1.0 2.0M3.0 4.0"); // biome-ignore format: one line
    expect(linear({ low: 0, high: 10 }, 100, 0)(2.5)).toBe(75);
  });

  it("finds the nearest, the lower of two", () => {
    expect(nearest([10, 20, 30], 14)).toBe(0);
    expect(nearest([10, 20, 30], 15)).toBe(0);
    expect(nearest([10, 20, 30], 16)).toBe(1);
    expect(nearest([10, 20, 30], 99)).toBe(2);
    expect(nearest([], 1)).toBe(-1);
  });

  it("reads a line between its dots, and nothing beside them or across a gap", () => {
    const line = [[0, 0], [10, 5], [20, null], [30, 6]] as const; // biome-ignore format: one line
    expect(valueAt(line, 4)).toBe(2);
    expect(valueAt(line, 10)).toBe(5);
    expect(valueAt(line, 15)).toBeNull();
    expect(valueAt(line, 30)).toBe(6);
    expect(valueAt(line, -1)).toBeNull();
    expect(valueAt(line, 31)).toBeNull();
  });

  it("skips the night between two sessions", () => {
    const minute = 60_000;
    expect(squeeze([0, minute, minute * 1000, minute * 1001], minute * 30)).toEqual([
      0,
      minute,
      minute * 31,
      minute * 32,
    ]);
  });

  it("finds the moments that begin a round stretch of the zone's clock", () => {
    const minute = 60_000;
    const india = 330 * minute;
    // 11:27 to 12:59 IST, a snapshot a minute.
    const start = Date.parse("2026-08-19T05:57:00Z");
    const moments = Array.from({ length: 93 }, (_, index) => start + index * minute);
    const found = roundMoments(moments, 6, india).map((index) =>
      new Date((moments[index] ?? 0) + india).toISOString().slice(11, 16),
    );
    expect(found).toEqual(["11:30", "11:45", "12:00", "12:15", "12:30", "12:45"]);
    expect(roundMoments(moments, 5, india)).toHaveLength(3);
    expect(roundMoments([start], 6, india)).toEqual([]);
    const days = Array.from({ length: 400 }, (_, index) => start + index * 1440 * minute);
    expect(roundMoments(days, 6, india).length).toBeLessThanOrEqual(6);
  });
});
