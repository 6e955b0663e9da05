import { describe, expect, it } from "vitest";
import { atMoment, dayOf, periodOf, standing } from "./moments";
import { readExpiries } from "./read";

describe("stored moments", () => {
  it("plays the day of a moment, whole", () => {
    // NSE: 09:15 to 15:40 IST is 03:45 to 10:10 UTC.
    const day = dayOf("2026-08-19T07:29:00Z");
    expect(day.from).toBe("2026-08-19T00:00:00.000Z");
    expect(day.to).toBe("2026-08-20T00:00:00.000Z");
    // New York: 16:15 in winter is 21:15 UTC; its close belongs to the same day.
    expect(dayOf("2026-12-01T21:15:00Z").from).toBe("2026-12-01T00:00:00.000Z");
    expect(dayOf(null)).toEqual({ from: "", to: "" });
  });

  it("finds where one stands", () => {
    const times = ["2026-08-19T05:57:00Z", "2026-08-19T05:58:00Z", "2026-08-19T06:00:00Z"];
    expect(atMoment(times, undefined)).toBe(2);
    expect(atMoment(times, "2026-08-19T05:58:00Z")).toBe(1);
    expect(atMoment(times, "2026-08-19T05:59:30Z")).toBe(1);
    expect(atMoment(times, "2026-08-18T00:00:00Z")).toBe(-1);
    expect(atMoment([], undefined)).toBe(-1);
  });

  it("leaves out expiries that had passed when the newest chain came", () => {
    const of = (...rows: [string, string | null][]) =>
      readExpiries({ items: rows.map(([expiry, as_of]) => ({ expiry, as_of })) }).items;
    const rows = of(
      ["2026-08-18", "2026-08-18T10:00:00Z"],
      ["2026-08-19", "2026-08-19T07:00:00Z"],
      ["2026-08-25", "2026-08-19T07:00:00Z"],
    );
    expect(standing(rows).map((one) => one.expiry)).toEqual(["2026-08-19", "2026-08-25"]);
    const timeless = of(["2026-02-24", null]);
    expect(standing(timeless)).toEqual(timeless);
  });

  it("asks about a period once a minute", () => {
    const at = periodOf("5D", "2026-08-19T05:58:10Z");
    expect(at).toEqual(periodOf("5D", "2026-08-19T05:58:50Z"));
    expect(at).toEqual({ from: "2026-08-12T05:59:00.000Z", to: "2026-08-19T05:59:00.000Z" });
    expect(periodOf("1D", "2026-08-19T05:58:10Z").from).toBe("2026-08-19T00:00:00.000Z");
  });
});
