/** Live rows over those of REST: what the room says by name replaces what was asked. Pure. */
import { type Instant, toMillis } from "@/shared/format/time";
import type { Row } from "@/shared/live/quotes";
import { num, readQuote } from "./read";
import type { Chain, Metrics, Quote, Side, Strike } from "./types";

/** The key of a strike's row in the chain's room. */
export const rowKey = (underlying: string, expiry: string, strike: number): string =>
  `${underlying}:${expiry}:${strike}`;

export const roomOf = (underlying: string, expiry: string): string => `chain:${underlying}:${expiry}`;

const FIELDS = Object.keys(readQuote(null)) as (keyof Quote)[];
const WORDS: ReadonlySet<string> = new Set(["status", "state"]);

function overlay(side: Side, asked: Quote, live: Row): Quote {
  const found: Record<string, unknown> = { ...asked };
  for (const name of FIELDS) {
    const value = live[`${side}.${name}`];
    if (value === undefined) continue;
    if (name === "is_liquid") found[name] = Boolean(value);
    else if (WORDS.has(name)) found[name] = value === null ? "" : String(value);
    else found[name] = num(value);
  }
  return found as unknown as Quote;
}

export function overlaid(asked: Strike, live: Row): Strike {
  return {
    strike: asked.strike,
    iv: live.iv === undefined ? asked.iv : num(live.iv),
    call: overlay("call", asked.call, live),
    put: overlay("put", asked.put, live),
  };
}

/** What the room says beside its rows. */
export interface Said {
  metrics?: unknown;
  spot?: unknown;
  forward?: unknown;
  as_of?: unknown;
  atm_strike?: unknown;
}

function isOlder(said: Said, asked: Chain): boolean {
  const room = toMillis(said.as_of as Instant);
  const rest = toMillis(asked.as_of);
  return room !== null && rest !== null && room < rest;
}

/** Merges a chain with its room; a strike that did not change keeps its object, so that its row is not drawn anew. */
export class LiveChain {
  #rows = new WeakMap<Strike, { live: Row; row: Strike }>();
  #asked: Chain | null = null;
  #said: Said | null = null;
  #found: Chain | null = null;

  /** `said` is null where the room has not spoken. What it said before the answer came is older than the answer. */
  merge(asked: Chain, said: Said | null, read: (key: string) => Row): Chain {
    if (said === null || isOlder(said, asked)) return asked;
    let isSame = this.#asked === asked && this.#said === said && this.#found !== null;
    const strikes = asked.strikes.map((one) => {
      const live = read(rowKey(asked.underlying, asked.expiry, one.strike));
      const kept = this.#rows.get(one);
      if (kept && kept.live === live) return kept.row;
      const row = Object.keys(live).length === 0 ? one : overlaid(one, live);
      this.#rows.set(one, { live, row });
      isSame = false;
      return row;
    });
    if (isSame && this.#found) return this.#found;
    this.#asked = asked;
    this.#said = said;
    this.#found = {
      ...asked,
      strikes,
      spot: num(said.spot) ?? asked.spot,
      forward: num(said.forward) ?? asked.forward,
      atm_strike: num(said.atm_strike) ?? asked.atm_strike,
      as_of: (said.as_of as Chain["as_of"] | undefined) ?? asked.as_of,
      metrics:
        said.metrics && typeof said.metrics === "object"
          ? { ...asked.metrics, ...(said.metrics as Metrics) }
          : asked.metrics,
    };
    return this.#found;
  }
}
