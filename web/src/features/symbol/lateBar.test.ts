import type { ISeriesApi } from "lightweight-charts";
import { describe, expect, it, vi } from "vitest";
import { placeOf, putBar } from "./lateBar";

const bars = [{ time: 10 }, { time: 20 }, { time: 40 }];

describe("a late bar", () => {
  it("is found where it stands, or where it would stand", () => {
    expect(bars.map((bar) => placeOf(bars, bar.time))).toEqual([0, 1, 2]);
    expect([5, 30, 50].map((time) => placeOf(bars, time))).toEqual([-1, -3, -4]);
    expect(placeOf([], 5)).toBe(-1);
  });

  it("changes the bar that is there, and is put between the others where there is none", () => {
    const series = { data: () => bars, update: vi.fn(), setData: vi.fn() };
    const api = series as unknown as ISeriesApi<"Line">;
    putBar(api, { time: 20, value: 1 } as never, true);
    putBar(api, { time: 50, value: 1 } as never, false);
    expect(series.update.mock.calls.map(([bar, isOld]) => [bar.time, isOld])).toEqual([
      [20, true],
      [50, false],
    ]);
    putBar(api, { time: 30, value: 1 } as never, true);
    expect(series.setData.mock.calls[0]?.[0].map((bar: { time: number }) => bar.time)).toEqual([
      10, 20, 30, 40,
    ]);
  });
});
