import type { Chain, Num, Side } from "./types";
import { STATE_WORDS } from "./words";

export interface Built {
  strike: number;
  side: Side;
  price: Num;
  change: Num;
  oi_change: Num;
}

/** Contracts by what price and open interest did, the largest change of open interest first; each at most `most`. Pure. */
export function buildups(chain: Chain, most: number): Map<string, Built[]> {
  const found = new Map<string, Built[]>(Object.keys(STATE_WORDS).map((state) => [state, []]));
  for (const row of chain.strikes)
    for (const side of ["call", "put"] as const) {
      const quote = row[side];
      found.get(quote.state)?.push({
        strike: row.strike,
        side,
        price: quote.price,
        change: quote.change,
        oi_change: quote.oi_change,
      });
    }
  for (const [state, rows] of found)
    found.set(
      state,
      rows.sort((a, b) => Math.abs(b.oi_change ?? 0) - Math.abs(a.oi_change ?? 0)).slice(0, most),
    );
  return found;
}
