/** Under words a colour stays pale enough to read them on; in a drawing it may be full. */
export const UNDER_WORDS = 42;
const FULL = 90;
const LEAST = 6;

/** The colour of a volatility from low (0) to high (1), of the page's own so that both themes carry it. */
export function mix(level: number, most: number = FULL): string {
  const share = Math.round(LEAST + Math.max(0, Math.min(1, level)) * (most - LEAST));
  return `color-mix(in oklab, var(--mb-accent) ${share}%, var(--opt-low))`;
}
