import { describe, expect, it, vi } from "vitest";
import { QuoteStore } from "./quotes";

function store() {
  const waiting: (() => void)[] = [];
  return {
    quotes: new QuoteStore((flush) => waiting.push(flush)),
    frame: () => {
      for (const run of waiting.splice(0)) run();
    },
  };
}

describe("the quote store", () => {
  it("tells listeners once a frame, however many rows came", () => {
    const { quotes, frame } = store();
    const told = vi.fn();
    quotes.listen("NSE:A", told);
    for (let price = 1; price <= 50; price++) quotes.apply(["close"], [["NSE:A", price]]);
    expect(told).not.toHaveBeenCalled();
    frame();
    expect(told).toHaveBeenCalledTimes(1);
    expect(quotes.get("NSE:A").close).toBe(50);
  });

  it("wakes only the instrument that changed", () => {
    const { quotes, frame } = store();
    const [a, b] = [vi.fn(), vi.fn()];
    quotes.listen("NSE:A", a);
    quotes.listen("NSE:B", b);
    quotes.apply(["close"], [["NSE:B", 1]]);
    frame();
    expect(a).not.toHaveBeenCalled();
    expect(b).toHaveBeenCalledTimes(1);
  });

  it("keeps fields that a narrower frame does not bring, and replaces the row object", () => {
    const { quotes, frame } = store();
    quotes.apply(["close", "volume"], [["NSE:A", 10, 500]]);
    const before = quotes.get("NSE:A");
    quotes.apply(["close"], [["NSE:A", 11]]);
    frame();
    expect(quotes.get("NSE:A")).toEqual({ close: 11, volume: 500 });
    expect(quotes.get("NSE:A")).not.toBe(before);
    expect(before.close).toBe(10);
  });

  it("gives the same empty row for what it does not know", () => {
    const { quotes } = store();
    expect(quotes.get("NSE:X")).toBe(quotes.get("NSE:Y"));
  });

  it("stops telling who has left", () => {
    const { quotes, frame } = store();
    const told = vi.fn();
    quotes.listen("NSE:A", told)();
    quotes.apply(["close"], [["NSE:A", 1]]);
    frame();
    expect(told).not.toHaveBeenCalled();
  });
});
