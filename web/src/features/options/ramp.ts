/** The colours of a volatility from low to high, read from the page so that both themes carry them. */
export function mix(level: number): string {
  const share = Math.round(12 + Math.max(0, Math.min(1, level)) * 76);
  return `color-mix(in oklab, var(--mb-accent) ${share}%, var(--opt-low))`;
}
