/** What states and codes of a chain mean, in words. */
import type { Chain, Quote, View } from "./types";

export const STATE_WORDS: Record<string, { short: string; arrow: string; means: string }> = {
  long_buildup: { short: "Long build-up", arrow: "▲▲", means: "price and open interest rose: new buyers" },
  short_buildup: {
    short: "Short build-up",
    arrow: "▼▲",
    means: "price fell, open interest rose: new sellers",
  },
  short_covering: {
    short: "Short covering",
    arrow: "▲▼",
    means: "price rose, open interest fell: sellers closed",
  },
  long_unwinding: {
    short: "Long unwinding",
    arrow: "▼▼",
    means: "price and open interest fell: buyers closed",
  },
};

const STATUS_WORDS: Record<string, string> = {
  no_price: "no price: nothing was traded or quoted",
  at_intrinsic: "the price is at or under what exercising gives, so no volatility fits",
  above_maximum: "the price is above the most that the option can be worth",
  expired: "the option has expired",
  no_forward: "no forward: neither a future nor enough quotes near the money",
  no_time: "the source does not say when it was captured, or when it expires",
  bad_input: "the strike or the price of the underlying cannot be right",
};

/** Why there is no volatility; null where there is one. */
export function statusWords(status: string): string | null {
  if (status === "ok") return null;
  return STATUS_WORDS[status] ?? status.replaceAll("_", " ");
}

/** A quote older than this is not fresh: five minutes. */
export const FRESH_S = 300;

/** Why a quote should not be leaned on; null where it is fresh and liquid. */
export function doubt(quote: Quote): string | null {
  if (quote.price === null) return "no price";
  if (quote.quote_age_s !== null && quote.quote_age_s > FRESH_S) return "old quote";
  return quote.is_liquid ? null : "hardly traded";
}

export const VIEWS: { value: View; label: string; means: string }[] = [
  { value: "up", label: "It goes up", means: "You gain when the price rises." },
  { value: "down", label: "It goes down", means: "You gain when the price falls." },
  { value: "flat", label: "It stays put", means: "You gain when little happens." },
  { value: "big_move", label: "A big move", means: "You gain when it moves far, either way." },
];

export const MODELS = [
  { value: "black76", label: "Black-76 on the forward", rate: 0 },
  { value: "bsm", label: "Black-Scholes on the spot", rate: 6.5 },
  { value: "nse", label: "NSE style (spot, 10 %)", rate: 10 },
  { value: "american", label: "American exercise", rate: 6.5 },
] as const;

export const modelWords = (model: string): string =>
  MODELS.find((one) => one.value === model)?.label ?? model ?? "";

const SOURCES: Record<string, string> = {
  future: "the listed future",
  parity: "put-call parity",
  parity_last: "put-call parity of last prices",
  spot: "the spot",
};

export const forwardWords = (source: string): string => SOURCES[source] ?? source;

/** Quality kinds that reading a chain found. */
export const flagWords = (flags: readonly string[]): string =>
  flags.map((flag) => flag.replaceAll("_", " ")).join(", ");

export function currencyOf(underlying: string): string {
  return underlying.startsWith("US:") ? "USD" : "INR";
}

/** "0.93: more calls than puts are open" */
export function pcrWords(pcr: number | null): string {
  if (pcr === null) return "not known";
  if (pcr > 1.05) return "more puts than calls are open";
  return pcr < 0.95 ? "more calls than puts are open" : "as many puts as calls are open";
}

const READ_FROM: Record<string, string> = {
  snapshots: "Recorded snapshots",
  nse: "NSE",
  bhavcopy: "NSE bhavcopy",
  kite: "Kite",
  upstox: "Upstox",
  dhan: "Dhan",
  generic: "CSV file",
  own: "Marketbell file",
  push: "Pushed",
};

/** Where a chain came from; a made-up one says so first. */
export function sourceOf(chain: Pick<Chain, "source" | "is_simulated">): string {
  const words = READ_FROM[chain.source] ?? chain.source;
  if (!chain.is_simulated) return words;
  return words.toUpperCase().includes("SIMULATED") ? words : `SIMULATED${words ? ` · ${words}` : ""}`;
}
