import { describe, expect, it } from "vitest";
import { QuoteStore } from "@/shared/live/quotes";
import { LiveChain, roomOf, rowKey } from "./merge";
import { readChain } from "./read";

const asked = readChain({
  underlying: "NSE:NIFTY",
  expiry: "2026-08-25",
  spot: 24500,
  metrics: { pcr_oi: 0.9, max_pain: 24500 },
  strikes: [
    { strike: 24500, iv: 11, call: { price: 120, oi: 50, status: "ok" }, put: { price: 100 } },
    { strike: 24550, iv: 12, call: { price: 95 }, put: { price: 130 } },
  ],
});

describe("a live chain", () => {
  it("names its room and its rows as the server does", () => {
    expect(roomOf("NSE:NIFTY", "2026-08-25")).toBe("chain:NSE:NIFTY:2026-08-25");
    expect(rowKey("NSE:NIFTY", "2026-08-25", 24500)).toBe("NSE:NIFTY:2026-08-25:24500");
    expect(rowKey("NSE:TCS", "2026-08-25", 24502.5)).toBe("NSE:TCS:2026-08-25:24502.5");
  });

  it("replaces by name, keeps the rest, and draws only what changed", () => {
    const quotes = new QuoteStore((flush) => flush());
    const live = new LiveChain();
    const read = (key: string) => quotes.get(key);
    const before = live.merge(asked, {}, read);
    expect(before.strikes).toEqual(asked.strikes);
    quotes.apply(
      ["iv", "call.price", "call.oi", "call.is_liquid", "put.state"],
      [["NSE:NIFTY:2026-08-25:24500", 11.5, 121.5, null, 1, "long_buildup"]],
    );
    const said = { spot: 24510, metrics: { pcr_oi: 0.95 }, as_of: 1787119200000 };
    const after = live.merge(asked, said, read);
    expect(after.strikes[0]).toMatchObject({
      iv: 11.5,
      call: { price: 121.5, oi: null, is_liquid: true, status: "ok" },
      put: { price: 100, state: "long_buildup" },
    });
    expect(after.strikes[1]).toBe(before.strikes[1]);
    expect(after).toMatchObject({
      spot: 24510,
      as_of: 1787119200000,
      metrics: { pcr_oi: 0.95, max_pain: 24500 },
    });
    expect(live.merge(asked, said, read)).toBe(after);
  });

  it("leaves an answer alone that is newer than the room, or whose room has not spoken", () => {
    const quotes = new QuoteStore((flush) => flush());
    quotes.apply(["call.price"], [["NSE:NIFTY:2026-08-25:24500", 1]]);
    const live = new LiveChain();
    const read = (key: string) => quotes.get(key);
    expect(live.merge(asked, null, read)).toBe(asked);
    const newer = { ...asked, as_of: "2026-08-19T06:00:00Z" };
    expect(live.merge(newer, { as_of: "2026-08-19T05:59:00Z" }, read)).toBe(newer);
    expect(live.merge(newer, { as_of: "2026-08-19T06:00:00Z" }, read).strikes[0]?.call.price).toBe(1);
  });
});
