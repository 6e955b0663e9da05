/** A payoff in words and marks. Pure. */
import type { Formats } from "@/shared/format/use";
import type { Dot } from "./plot/scale";
import type { Num, PayoffPoint } from "./types";

/** The most that can be lost or gained: an amount, no limit, or nothing where it cannot be above zero. */
export function mostWords(amount: Num, isUnlimited: boolean, write: (value: Num) => string): string {
  if (isUnlimited) return "no limit";
  return amount !== null && amount <= 0 ? "nothing" : write(amount);
}

export function breakEvenWords(
  levels: readonly number[],
  spot: Num,
  formats: Pick<Formats, "price" | "percent">,
): string {
  if (levels.length === 0) return "at no price";
  const one = (level: number) => {
    const away = spot ? ((level - spot) / spot) * 100 : null;
    return `${formats.price(level)}${away === null ? "" : ` (${formats.percent(away, { digits: 1 })})`}`;
  };
  return `at ${levels.map(one).join(" and ")}`;
}

export const nowDots = (points: readonly PayoffPoint[]): Dot[] => points.map((one) => [one.spot, one.now]);
export const expiryDots = (points: readonly PayoffPoint[]): Dot[] =>
  points.map((one) => [one.spot, one.expiry]);

/** The least and the largest value at expiry of what is drawn. */
export function extremes(points: readonly PayoffPoint[]): { low: Num; high: Num } {
  const known = points.map((one) => one.expiry).filter((one): one is number => one !== null);
  return known.length ? { low: Math.min(...known), high: Math.max(...known) } : { low: null, high: null };
}

/** Where the value at expiry changes its sign, for the picture's shading: pieces of one sign with their ends on zero. */
export function signPieces(points: readonly PayoffPoint[]): { isGain: boolean; dots: [number, number][] }[] {
  const pieces: { isGain: boolean; dots: [number, number][] }[] = [];
  let piece: { isGain: boolean; dots: [number, number][] } | null = null;
  let before: [number, number] | null = null;
  for (const { spot, expiry } of points) {
    if (expiry === null) continue;
    const isGain = expiry >= 0;
    if (piece && before && piece.isGain !== isGain) {
      const [x, y] = before;
      const cross = x + ((spot - x) * (0 - y)) / (expiry - y);
      piece.dots.push([cross, 0]);
      piece = { isGain, dots: [[cross, 0]] };
      pieces.push(piece);
    } else if (!piece) {
      piece = { isGain, dots: [] };
      pieces.push(piece);
    }
    piece.dots.push([spot, expiry]);
    before = [spot, expiry];
  }
  return pieces;
}
