/** The six ranges of a chart; each says which bars it is made of. */
export const RANGES = ["1H", "1D", "1M", "6M", "1Y", "ALL"] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_FACTS: Record<Range, { timeframe: "1m" | "1d"; bars: number; words: string }> = {
  "1H": { timeframe: "1m", bars: 60, words: "the last hour, one bar a minute" },
  "1D": { timeframe: "1m", bars: 400, words: "the last session, one bar a minute" },
  "1M": { timeframe: "1d", bars: 22, words: "the last month, one bar a day" },
  "6M": { timeframe: "1d", bars: 126, words: "the last six months, one bar a day" },
  "1Y": { timeframe: "1d", bars: 252, words: "the last year, one bar a day" },
  ALL: { timeframe: "1d", bars: 5000, words: "everything known, one bar a day" },
};
