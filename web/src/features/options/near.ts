import type { Strike } from "./types";

/** So many strikes to either side of the money; all where `reach` is null or the money is not known. Pure. */
export function near(
  strikes: readonly Strike[],
  atm: number | null,
  reach: number | null,
): readonly Strike[] {
  const at = reach === null ? -1 : strikes.findIndex((row) => row.strike === atm);
  if (reach === null || at < 0) return strikes;
  return strikes.slice(Math.max(0, at - reach), at + reach + 1);
}
