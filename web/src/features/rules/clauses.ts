/** Durations and days as a form's fields hold them. Pure. */

/** "30m", "2h", "1d": what the language takes for a span of time. */
export const isSpan = (text: string): boolean => /^\d+(?:\.\d+)?(?:s|m|h|d|w)$/.test(text.trim());

export const SPANS = ["1m", "5m", "15m", "30m", "1h", "2h", "1d"] as const;
export const LIVES = ["1d", "1w", "30d", "90d"] as const;
