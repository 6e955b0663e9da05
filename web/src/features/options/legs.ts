/** Legs: how an address writes them, how a click changes them, what they are called. Pure. */
import type { Kind, Leg, Side, Strike } from "./types";

const LETTERS: Record<Kind, string> = { call: "c", put: "p", future: "f", stock: "u" };
const KINDS = Object.fromEntries(Object.entries(LETTERS).map(([kind, letter]) => [letter, kind])) as Record<
  string,
  Kind
>;
const WRITTEN = /^([bs])(\d{1,4})([cpfu])(\d+(?:\.\d+)?)?(?:_(\d{4})(\d\d)(\d\d))?(?:a(\d+(?:\.\d+)?))?$/;

/** More than anybody holds, and than the server prices at once. */
export const MOST_LEGS = 12;
export const MOST_LOTS = 999;

/** `b1c24500~s2p24000_20260901a12.5`: bought 1 call 24,500; sold 2 puts 24,000 of 1 September at 12.50. */
export function writeLegs(legs: readonly Leg[]): string | undefined {
  if (legs.length === 0) return undefined;
  return legs
    .map(
      (leg) =>
        `${leg.side[0]}${leg.lots}${LETTERS[leg.kind]}${leg.strike ?? ""}` +
        (leg.expiry ? `_${leg.expiry.replaceAll("-", "")}` : "") +
        (leg.price === null ? "" : `a${leg.price}`),
    )
    .join("~");
}

/** What cannot be read is left out: an address is typed by people too. */
export function readLegs(text: string | undefined): Leg[] {
  if (!text) return [];
  return text
    .split("~")
    .slice(0, MOST_LEGS)
    .flatMap((word) => {
      const found = WRITTEN.exec(word);
      const kind = KINDS[found?.[3] ?? ""];
      if (!found || !kind) return [];
      const [, side, lots, , strike, year, month, day, price] = found;
      const isOption = kind === "call" || kind === "put";
      if (Number(lots) < 1 || (isOption && strike === undefined)) return [];
      return [
        {
          kind,
          side: side === "b" ? ("buy" as const) : ("sell" as const),
          lots: Number(lots),
          strike: isOption ? Number(strike) : null,
          expiry: year ? `${year}-${month}-${day}` : null,
          price: price === undefined ? null : Number(price),
        },
      ];
    });
}

/** Where a leg belongs to: the page's own expiry is not written, so the same contract is found either way. */
const isSame = (leg: Leg, kind: Kind, strike: number | null, expiry: string | null, shown: string): boolean =>
  leg.kind === kind && leg.strike === strike && (leg.expiry ?? shown) === (expiry ?? shown);

export function findLeg(
  legs: readonly Leg[],
  kind: Kind,
  strike: number | null,
  shown: string,
): Leg | undefined {
  return legs.find((leg) => isSame(leg, kind, strike, null, shown));
}

export interface Click {
  kind: Side;
  strike: number;
  /** Of a bid or an ask; null where the price itself was pressed, which goes buy, sell, out. */
  side: "buy" | "sell" | null;
  price: number | null;
}

/** The legs after a press on a price. `shown` is the page's expiry; each leg keeps its own. */
export function press(legs: readonly Leg[], click: Click, shown: string): Leg[] {
  const held = findLeg(legs, click.kind, click.strike, shown);
  if (!held) {
    if (legs.length >= MOST_LEGS) return [...legs];
    const side = click.side ?? "buy";
    const price = click.side === null ? null : click.price;
    return [...legs, { kind: click.kind, side, lots: 1, strike: click.strike, expiry: shown, price }];
  }
  if (click.side === null) {
    if (held.side === "sell") return legs.filter((leg) => leg !== held);
    return legs.map((leg) => (leg === held ? { ...leg, side: "sell", price: null } : leg));
  }
  const side = click.side;
  const lots = held.side === side ? Math.min(MOST_LOTS, held.lots + 1) : held.lots;
  return legs.map((leg) => (leg === held ? { ...leg, side, lots, price: click.price } : leg));
}

/** Two baskets that hold the same. */
export const sameLegs = (a: readonly Leg[], b: readonly Leg[]): boolean => writeLegs(a) === writeLegs(b);

/** "Buy 1 × 24,500 call" */
export function legWords(leg: Leg, count: (value: number) => string, isTold = false): string {
  const verb = leg.side === "buy" ? "Buy" : "Sell";
  const what = leg.strike === null ? leg.kind : `${count(leg.strike)} ${leg.kind}`;
  return `${verb} ${leg.lots} ${isTold ? (leg.lots === 1 ? "lot of the" : "lots of the") : "×"} ${what}`;
}

/** The strike so many steps from another one; the last one there is where there are not so many. */
export function strikeBeside(
  strikes: readonly Strike[],
  strike: number | null,
  steps: number,
): number | null {
  const at = strikes.findIndex((row) => row.strike === strike);
  if (at < 0) return null;
  return strikes[Math.max(0, Math.min(strikes.length - 1, at + steps))]?.strike ?? null;
}
