/** Money of a payoff: whole units with sign, "no limit" where there is none. */
import { useMemo } from "react";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import type { Num } from "./types";
import { currencyOf } from "./words";

const SYMBOLS: Record<string, string> = { INR: "₹", USD: "$" };
const MINUS = "\u2212";
const COMPACT_FROM = 1e7;

export interface Cash {
  /** "₹7,500", "−₹120". */
  plain: (value: Num) => string;
  /** "+₹7,500" */
  signed: (value: Num) => string;
  /** Short, for an axis: "₹7.5K". */
  short: (value: Num) => string;
  symbol: string;
}

export function useCash(underlying: string): Cash {
  const formats = useFormats();
  return useMemo(() => {
    const currency = currencyOf(underlying);
    const symbol = SYMBOLS[currency] ?? "";
    const body = (value: number) => {
      const size = Math.abs(value);
      if (size >= COMPACT_FROM) return formats.money(size, currency);
      return `${symbol}${formats.number(size, size < 100 && size % 1 ? 2 : 0)}`;
    };
    const plain = (value: Num) =>
      isKnown(value) ? `${Number(value) < -0.004 ? MINUS : ""}${body(Number(value))}` : "—";
    return {
      plain,
      signed: (value) => (isKnown(value) && Number(value) > 0.004 ? `+${body(Number(value))}` : plain(value)),
      short: (value) =>
        isKnown(value)
          ? `${Number(value) < 0 ? MINUS : ""}${symbol}${formats.compact(Math.abs(Number(value)))}`
          : "—",
      symbol,
    };
  }, [underlying, formats]);
}
