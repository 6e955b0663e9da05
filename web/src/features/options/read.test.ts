import { describe, expect, it } from "vitest";
import {
  readChain,
  readExpiries,
  readHistory,
  readMetricSet,
  readPayoff,
  readQuote,
  readStrategies,
  readSurface,
  readTimes,
  WrongShape,
} from "./read";

describe("the wire's option shapes", () => {
  it("takes decimal text as numbers, keeps unknown unknown, and puts strikes in order", () => {
    const chain = readChain({
      underlying: "NSE:NIFTY",
      spot: "24512.35",
      expiry: "2026-08-25",
      rate: 0,
      metrics: { pcr_oi: "0.93", max_pain: null, oi_state: "long_buildup", basis: "" },
      strikes: [
        { strike: 24550, iv: null, call: null, put: { price: "61.5", oi: 120, is_liquid: true } },
        { strike: "24500", iv: "11.2", call: { price: 120.5, iv: 11.4, status: "ok" }, put: {} },
      ],
    });
    expect(chain.symbol).toBe("NIFTY");
    expect(chain.spot).toBe(24512.35);
    expect(chain.rate).toBe(0);
    expect(chain.metrics).toEqual({ pcr_oi: 0.93, max_pain: null, oi_state: "long_buildup", basis: null });
    expect(chain.strikes.map((row) => row.strike)).toEqual([24500, 24550]);
    expect(chain.strikes[1]?.call).toMatchObject({ price: null, status: "no_price", is_liquid: false });
    expect(chain.strikes[1]?.put).toMatchObject({ price: 61.5, oi: 120, is_liquid: true });
  });

  it("says what does not fit instead of drawing it", () => {
    expect(() => readChain({ strikes: "none" })).toThrow(WrongShape);
    expect(() => readChain({ strikes: [{ call: {} }] })).toThrow("a strike is no number");
    expect(() => readChain(null)).toThrow("a chain");
    expect(() => readTimes({ items: null })).toThrow(WrongShape);
    expect(readStrategies({ items: [], why: "too few prices" })).toEqual({
      items: [],
      why: "too few prices",
    });
    expect(() => readStrategies({ items: [{ legs: [{ kind: "swap", side: "buy", lots: 1 }] }] })).toThrow(
      "swap buy",
    );
  });

  it("gives a quote without a status the one that its volatility tells", () => {
    expect(readQuote({ iv: 12 }).status).toBe("ok");
    expect(readQuote({ iv: null, status: "at_intrinsic" }).status).toBe("at_intrinsic");
  });

  it("reads the smaller answers", () => {
    expect(
      readExpiries({
        underlying: "NSE:NIFTY",
        items: [{ expiry: "2026-08-25", days: "6.1", is_monthly: true }],
      }).items[0],
    ).toMatchObject({ expiry: "2026-08-25", days: 6.1, is_monthly: true, strikes: null });
    expect(readTimes({ items: ["2026-08-19T05:57:00Z", 1755583020000000000, null] })).toHaveLength(2);
    expect(
      readHistory({ items: [{ as_of: "x", expiry: "e", spot: 1, metrics: { pcr_oi: 1 } }] })[0]?.metrics,
    ).toEqual({ pcr_oi: 1 });
    const set = readMetricSet({ iv_rank: "42.5", expiries: [{ expiry: "e", t_years: 0.02, metrics: null }] });
    expect(set).toMatchObject({ iv_rank: 42.5, iv_percentile: null, fields: [], all: {} });
    expect(set.expiries[0]?.metrics).toEqual({});
  });

  it("knows a slice without a fit, and a calendar that is free", () => {
    const surface = readSurface({
      slices: [{ expiry: "e", params: null, points: [{ strike: 1, k: 0, iv: 12, fitted: null }] }],
      calendar: { is_free: true, crossings: [] },
      grid: {
        k: [-0.1, 0, 0.1],
        expiries: ["e"],
        t_years: [0.1],
        iv: [[12, null, "13"]],
        is_quoted: [[true, false, 1]],
      },
    });
    expect(surface.slices[0]).toMatchObject({ is_fitted: false, is_butterfly_free: null });
    expect(surface).toMatchObject({ is_calendar_free: true, crossings: 0 });
    expect(surface.grid.iv).toEqual([[12, null, 13]]);
    expect(surface.grid.is_quoted).toEqual([[true, false, true]]);
  });

  it("reads a payoff without a limit", () => {
    const payoff = readPayoff({
      legs: [{ kind: "call", side: "buy", strike: 100, lots: 1, price: 2, iv: 20, greeks: { delta: 0.5 } }],
      max_profit: null,
      is_profit_unlimited: true,
      what_if: { spot_pct: 1, profit: "12.5" },
      probability_of_profit: 0.25,
      points: [{ spot: 100, now: -1, expiry: -2 }],
    });
    expect(payoff).toMatchObject({
      is_profit_unlimited: true,
      is_loss_unlimited: false,
      break_evens: [],
      moved_profit: 12.5,
      probability_of_profit: 25,
    });
    expect(payoff.legs[0]).toMatchObject({ delta: 0.5, gamma: null, expiry: null });
  });
});
