/** The columns of one side of a chain, from the outside to the strike; puts show them mirrored. */
import type { ReactNode } from "react";
import { duration } from "@/shared/format/time";
import type { Formats } from "@/shared/format/use";
import type { Mode } from "@/shared/prefs/prefs";
import classes from "./Chain.module.css";
import type { Num, Quote, Side } from "./types";
import { FRESH_S, STATE_WORDS, statusWords } from "./words";

/** What bars are measured against: the largest value of all strikes that are shown. */
export interface Scales {
  oi: number;
  oiChange: number;
}

export interface ChainColumn {
  id: string;
  title: string;
  about: string;
  value: (quote: Quote) => Num | string;
  cell: (quote: Quote, side: Side, formats: Formats, scales: Scales) => ReactNode;
  /** How much of the cell a bar fills, 0 to 1. */
  share?: (quote: Quote, scales: Scales) => number;
  tone?: "oi" | "change";
}

const DASH = "—";

const plain =
  (id: keyof Quote, digits: number) =>
  (quote: Quote, _side: Side, formats: Formats): ReactNode =>
    formats.number(quote[id] as Num, digits, digits);

const signedTone = (value: Num) => (value === null || value === 0 ? undefined : value > 0 ? "up" : "down");

/** A Greek: the reason stands where it is not known. */
const greek = (id: keyof Quote, title: string, about: string, digits: number): ChainColumn => ({
  id,
  title,
  about,
  value: (quote) => quote[id] as Num,
  cell: (quote, side, formats) =>
    quote[id] === null ? <Unknown quote={quote} /> : plain(id, digits)(quote, side, formats),
});

function Unknown({ quote }: { quote: Quote }) {
  const why = statusWords(quote.status) ?? "not known";
  return (
    <span className="faint" title={why}>
      {DASH}
      <span className="sr-only"> {why}</span>
    </span>
  );
}

export const COLUMNS: readonly ChainColumn[] = [
  {
    id: "state",
    title: "Build-up",
    about: "What price and open interest did together since the previous close",
    value: (quote) => quote.state,
    cell: (quote) => {
      const words = STATE_WORDS[quote.state];
      if (!words) return <span className="faint">{DASH}</span>;
      return (
        <span title={`${words.short}: ${words.means}`} className={classes.state}>
          <span aria-hidden>{words.arrow}</span> {words.short.replace("build-up", "")}
        </span>
      );
    },
  },
  greek("charm", "Charm", "How delta changes in a day", 4),
  greek("volga", "Volga", "How vega changes with a point of volatility", 3),
  greek("vanna", "Vanna", "How delta changes with volatility", 4),
  greek("rho", "Rho", "Value of a point of interest", 2),
  greek("theta", "Theta", "What a day takes from the price", 2),
  greek("vega", "Vega", "Value of a point of volatility", 2),
  greek("gamma", "Gamma", "How delta changes with the price of the underlying", 5),
  greek("delta", "Delta", "How far the price moves with one of the underlying", 3),
  {
    id: "oi_change",
    title: "OI change",
    about: "Change in open interest since the previous day",
    value: (quote) => quote.oi_change,
    tone: "change",
    share: (quote, scales) => Math.abs(quote.oi_change ?? 0) / (scales.oiChange || 1),
    cell: (quote, _side, formats) => {
      const value = quote.oi_change;
      if (value === null) return <span className="faint">{DASH}</span>;
      return (
        <span className={signedTone(value)} title={formats.signed(value, 0)}>
          {value > 0 ? "+" : ""}
          {formats.compact(value)}
        </span>
      );
    },
  },
  {
    id: "oi",
    title: "OI",
    about: "Open interest: contracts outstanding, in units of the underlying",
    value: (quote) => quote.oi,
    tone: "oi",
    share: (quote, scales) => (quote.oi ?? 0) / (scales.oi || 1),
    cell: (quote, _side, formats) => (
      <span title={formats.count(quote.oi)}>{quote.oi === null ? DASH : formats.compact(quote.oi)}</span>
    ),
  },
  {
    id: "volume",
    title: "Volume",
    about: "Traded today, in units of the underlying",
    value: (quote) => quote.volume,
    cell: (quote, _side, formats) => (
      <span title={formats.count(quote.volume)}>
        {quote.volume === null ? DASH : formats.compact(quote.volume)}
      </span>
    ),
  },
  {
    id: "age",
    title: "Age",
    about: "How long ago the source last heard of the contract",
    value: (quote) => quote.quote_age_s,
    cell: (quote) => (
      <span className={quote.quote_age_s !== null && quote.quote_age_s > FRESH_S ? classes.old : undefined}>
        {quote.quote_age_s === null ? DASH : duration(quote.quote_age_s).replace(/ min.*/, " min")}
      </span>
    ),
  },
  {
    id: "iv",
    title: "IV",
    about: "Implied volatility, per cent a year",
    value: (quote) => quote.iv,
    cell: (quote, _side, formats) =>
      quote.iv === null ? <Unknown quote={quote} /> : formats.number(quote.iv, 1, 1),
  },
  {
    id: "change",
    title: "Change",
    about: "Change of the price since the previous close",
    value: (quote) => quote.change,
    cell: (quote, _side, formats) => (
      <span className={signedTone(quote.change)}>{formats.signed(quote.change)}</span>
    ),
  },
];

/** Bid, ask and price are buttons: the row makes them. */
export const BUTTONS = ["bid", "ask", "price"] as const;

export const DEFAULTS: Record<Mode, readonly string[]> = {
  beginner: ["oi"],
  intermediate: ["oi_change", "oi", "iv"],
  advanced: ["state", "theta", "vega", "delta", "oi_change", "oi", "volume", "age", "iv"],
};

/** On a phone there is room for these. */
export const NARROW: readonly string[] = ["oi"];
