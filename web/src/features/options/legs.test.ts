import { describe, expect, it } from "vitest";
import { findLeg, legWords, MOST_LEGS, press, readLegs, sameLegs, strikeBeside, writeLegs } from "./legs";
import { readQuote } from "./read";
import type { Leg } from "./types";

const DAY = "2026-08-25";
const count = (value: number) => value.toLocaleString("en-IN");
const call = (side: "buy" | "sell", more: Partial<Leg> = {}): Leg => ({
  kind: "call",
  side,
  lots: 1,
  strike: 24500,
  expiry: DAY,
  price: null,
  ...more,
});

describe("legs", () => {
  it("go through an address and come back as they were", () => {
    const legs: Leg[] = [
      call("buy"),
      { kind: "put", side: "sell", lots: 3, strike: 24050.5, expiry: null, price: 12.5 },
      { kind: "future", side: "buy", lots: 1, strike: null, expiry: "2026-09-01", price: null },
      { kind: "stock", side: "sell", lots: 2, strike: null, expiry: null, price: 24500 },
    ];
    const text = writeLegs(legs);
    expect(text).toBe("b1c24500_20260825~s3p24050.5a12.5~b1f_20260901~s2ua24500");
    expect(readLegs(text)).toEqual(legs);
    expect(encodeURIComponent(text ?? "")).toBe(text);
    expect(writeLegs([])).toBeUndefined();
  });

  it("leave out what cannot be read", () => {
    expect(readLegs("b1c~x1c100~b0c100~b1c100~")).toEqual([call("buy", { strike: 100, expiry: null })]);
    expect(readLegs(undefined)).toEqual([]);
    expect(readLegs(Array(40).fill("b1c100").join("~"))).toHaveLength(MOST_LEGS);
  });

  it("take a press on the price as buy, then sell, then out", () => {
    const click = { kind: "call" as const, strike: 24500, side: null, price: 120 };
    const bought = press([], click, DAY);
    expect(bought).toEqual([call("buy")]);
    const sold = press(bought, click, DAY);
    expect(sold).toEqual([call("sell")]);
    expect(press(sold, click, DAY)).toEqual([]);
  });

  it("take a press on ask or bid at its price, and again as one lot more", () => {
    const ask = { kind: "call" as const, strike: 24500, side: "buy" as const, price: 121 };
    const once = press([], ask, DAY);
    expect(once).toEqual([call("buy", { price: 121 })]);
    expect(press(once, ask, DAY)).toEqual([call("buy", { price: 121, lots: 2 })]);
    expect(press(once, { ...ask, side: "sell", price: 119 }, DAY)).toEqual([call("sell", { price: 119 })]);
  });

  it("tell the same strike of two expiries apart", () => {
    const far = call("buy", { expiry: "2026-09-01" });
    expect(findLeg([far], "call", 24500, DAY)).toBeUndefined();
    expect(findLeg([call("buy", { expiry: null })], "call", 24500, DAY)).toBeDefined();
    const both = press([far], { kind: "call", strike: 24500, side: null, price: null }, DAY);
    expect(both).toEqual([far, call("buy")]);
    expect(sameLegs(both, [far, call("buy")])).toBe(true);
  });

  it("are said in words", () => {
    expect(legWords(call("buy"), count)).toBe("Buy 1 × 24,500 call");
    expect(legWords(call("sell", { lots: 2 }), count, true)).toBe("Sell 2 lots of the 24,500 call");
  });

  it("find the strike beside", () => {
    const rows = [100, 110, 120].map((strike) => ({
      strike,
      iv: null,
      call: readQuote(null),
      put: readQuote(null),
    }));
    expect(strikeBeside(rows, 110, 1)).toBe(120);
    expect(strikeBeside(rows, 110, -9)).toBe(100);
    expect(strikeBeside(rows, 111, 1)).toBeNull();
  });
});
