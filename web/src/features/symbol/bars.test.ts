import { describe, expect, it } from "vitest";
import { candlesOf, onStep } from "@/shared/chart/candles";
import { closedOf, formingOf } from "./bars";

const bar = (
  start: string,
  close: string | null,
  rest: Partial<Record<"open" | "high" | "low", string | null>> = {},
) => ({
  start,
  open: "1",
  high: "3",
  low: "1",
  close,
  volume: 5,
  trades: 1,
  vwap: null,
  is_closed: true,
  ...rest,
});

describe("bars", () => {
  it("are sorted, once per start, without those that have no close", () => {
    const candles = candlesOf([
      bar("2021-04-28T03:46:00Z", "2"),
      bar("2021-04-28T03:45:00Z", "1"),
      bar("2021-04-28T03:46:00Z", "2.5"),
      bar("2021-04-28T03:47:00Z", null),
    ]);
    expect(candles.map((one) => one.close)).toEqual([1, 2.5]);
  });

  it("stand on their close where a file has only closes", () => {
    const [candle] = candlesOf([bar("2021-04-28T03:45:00Z", "7", { open: null, high: null, low: null })]);
    expect(candle).toMatchObject({ open: 7, high: 7, low: 7, close: 7 });
  });

  it("come from the room by its columns", () => {
    const start = Date.parse("2021-04-28T03:45:00Z") * 1e6;
    const data = {
      columns: ["start", "open", "high", "low", "close", "volume"],
      rows: [[start, 1, 4, 0.5, 2, 30]],
    };
    expect(closedOf(data)).toEqual([{ time: start / 1e9, open: 1, high: 4, low: 0.5, close: 2, volume: 30 }]);
    expect(closedOf(undefined)).toEqual([]);
  });

  it("form from the live row", () => {
    const start = Date.parse("2021-04-28T03:45:00Z") * 1e6;
    const row = {
      "bar.start": start,
      "bar.open": 1,
      "bar.high": 2,
      "bar.low": 1,
      "bar.close": 2,
      "bar.volume": 9,
    };
    expect(formingOf(row, "1m", undefined)).toMatchObject({ time: start / 1e9, close: 2, volume: 9 });
    expect(formingOf({}, "1m", undefined)).toBeNull();
  });

  it("never move yesterday's daily bar", () => {
    const today = Date.parse("2021-04-28T04:00:00Z");
    const row = {
      event_time: today * 1e6,
      "day.open": 1,
      "day.high": 2,
      "day.low": 1,
      close: 2,
      "day.volume": 9,
    };
    const old = { time: today / 1000 - 2 * 86_400, open: 1, high: 1, low: 1, close: 1, volume: 1 };
    expect(formingOf(row, "1d", old)).toBeNull();
    expect(formingOf(row, "1d", { ...old, time: today / 1000 - 900 })).toMatchObject({ close: 2 });
  });
});

describe("a level", () => {
  it("lies on the price step, as exact text", () => {
    expect(onStep(1490.53, "0.05")).toBe("1490.55");
    expect(onStep(0.1 + 0.2, "0.05")).toBe("0.30");
    expect(onStep(100.4, null)).toBe("100.40");
  });
});
