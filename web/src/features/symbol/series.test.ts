import { describe, expect, it } from "vitest";
import { linesOf, pointsOf } from "./series";

const START = 1_619_580_600;

describe("series", () => {
  it("stand beside their starts, with gaps where nothing is known", () => {
    const lines = linesOf({
      instrument: "NSE:A",
      timeframe: "1m",
      request_id: "r",
      starts: ["2021-04-28T03:30:00.000Z", "2021-04-28T03:31:00.000Z"],
      is_forming: true,
      series: [{ expression: "sma(close, 2)", type: "price", values: [null, "100.125"] }],
      as_of: null,
      source: "test",
    });
    expect(lines.get("sma(close, 2)")?.points).toEqual([
      { time: START, value: null },
      { time: START + 60, value: 100.125 },
    ]);
  });

  it("read the newest points of their own request only", () => {
    const data = { r: { points: [[START * 1e9, 1, null]] }, other: { points: [[START * 1e9, 9]] } };
    expect(pointsOf(data, "r")).toEqual([{ time: START, values: [1, null] }]);
    expect(pointsOf(data, "gone")).toEqual([]);
    expect(pointsOf(undefined, "r")).toEqual([]);
    expect(pointsOf(data, null)).toEqual([]);
  });
});
