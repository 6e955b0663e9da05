import { describe, expect, it } from "vitest";
import { buildups } from "./buildups";
import { near } from "./near";
import { readChain } from "./read";

const quote = (state: string, oi_change: number) => ({ price: 1, state, oi_change });
const chain = readChain({
  underlying: "NSE:NIFTY",
  strikes: [
    { strike: 90, call: quote("long_buildup", 5), put: quote("short_buildup", 70) },
    { strike: 100, call: quote("long_buildup", 50), put: quote("", 900) },
    { strike: 110, call: quote("long_unwinding", -20), put: quote("long_buildup", 8) },
  ],
});

describe("rows of a chain", () => {
  it("are grouped by build-up, the largest first, and those without one are left out", () => {
    const found = buildups(chain, 2);
    expect(found.get("long_buildup")?.map((one) => [one.strike, one.side])).toEqual([
      [100, "call"],
      [110, "put"],
    ]);
    expect(found.get("short_buildup")).toHaveLength(1);
    expect(found.get("long_unwinding")?.[0]?.oi_change).toBe(-20);
    expect(found.get("short_covering")).toEqual([]);
  });

  it("are those near the money, or all where the money is not known", () => {
    expect(near(chain.strikes, 100, 1)).toHaveLength(3);
    expect(near(chain.strikes, 90, 1).map((row) => row.strike)).toEqual([90, 100]);
    expect(near(chain.strikes, null, 0)).toHaveLength(3);
    expect(near(chain.strikes, 100, null)).toBe(chain.strikes);
  });
});
