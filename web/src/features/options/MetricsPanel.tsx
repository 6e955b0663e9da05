/** What the chain says in numbers: one row of figures, each with its definition. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { metricsQuery } from "./api";
import { useCash } from "./cash";
import classes from "./options.module.css";
import type { MetricField } from "./types";
import type { Options } from "./useOptions";
import { pcrWords, STATE_WORDS } from "./words";

interface Figure {
  name: string;
  label: string;
  value: ReactNode;
  note?: string | undefined;
}

export function MetricsPanel({ options }: { options: Options }) {
  const { underlying, chain, asOf, expiry, expiries } = options;
  const formats = useFormats();
  const cash = useCash(underlying);
  const advanced = useShows("advanced");
  const query = useQuery(metricsQuery(underlying, asOf));
  const all = query.data?.all ?? {};
  const metrics = chain?.metrics ?? {};
  const spot = chain?.spot ?? null;
  const number = (name: string): number | null => (isKnown(metrics[name]) ? Number(metrics[name]) : null);
  const price = (name: string) => formats.price(number(name));
  const points = (value: unknown, digits = 1) =>
    isKnown(value as number) ? formats.percent(value as number, { sign: false, digits }) : "—";
  const near = (name: string) => {
    const value = number(name);
    return value === null || spot === null
      ? undefined
      : `${formats.percent((value / spot - 1) * 100, { digits: 1 })} from the price`;
  };
  const state = STATE_WORDS[String(metrics.oi_state ?? "")];
  const move = number("expected_move");
  const allPcr = isKnown(all.pcr_oi) ? `all expiries ${formats.number(all.pcr_oi, 2, 2)}` : undefined;
  const figures: (Figure | false)[] = [
    {
      name: "pcr_oi",
      label: "PCR (OI)",
      value: formats.number(number("pcr_oi"), 2, 2),
      note: allPcr ?? pcrWords(number("pcr_oi")),
    },
    {
      name: "max_pain",
      label: "Max pain",
      value: formats.number(number("max_pain"), 2),
      note: near("max_pain"),
    },
    { name: "atm_iv", label: "ATM IV", value: points(metrics.atm_iv), note: "a year" },
    {
      name: "expected_move",
      label: "Expected move",
      value: move === null ? "—" : `±${formats.price(move)}`,
      note:
        move === null || spot === null
          ? undefined
          : `${points((move / spot) * 100)} by ${formats.dayShort(`${expiry}T06:30:00Z`)}`,
    },
    {
      name: "max_call_oi_strike",
      label: "Call wall",
      value: formats.number(number("max_call_oi_strike"), 2),
      note: near("max_call_oi_strike"),
    },
    {
      name: "max_put_oi_strike",
      label: "Put wall",
      value: formats.number(number("max_put_oi_strike"), 2),
      note: near("max_put_oi_strike"),
    },
    state !== undefined && { name: "oi_state", label: "Build-up", value: state.short },
    advanced && {
      name: "iv_rank",
      label: "IV rank",
      value: points(query.data?.iv_rank ?? null, 0),
      note: daysWords(query.data?.iv_days ?? null, query.data?.iv_rank ?? null),
    },
    advanced && {
      name: "iv_percentile",
      label: "IV percentile",
      value: points(query.data?.iv_percentile ?? null, 0),
      note: daysWords(query.data?.iv_days ?? null, query.data?.iv_percentile ?? null),
    },
    advanced && {
      name: "pcr_volume",
      label: "PCR (volume)",
      value: formats.number(number("pcr_volume"), 2, 2),
    },
    advanced && {
      name: "pcr_oi_change",
      label: "PCR (OI change)",
      value: formats.number(number("pcr_oi_change"), 2, 2),
    },
    advanced && { name: "atm_straddle", label: "ATM straddle", value: price("atm_straddle") },
    advanced && {
      name: "skew_25",
      label: "25Δ skew",
      value: isKnown(metrics.skew_25) ? formats.signed(metrics.skew_25, 2) : "—",
      note: "points, put less call",
    },
    advanced && {
      name: "butterfly_25",
      label: "25Δ butterfly",
      value: isKnown(metrics.butterfly_25) ? formats.signed(metrics.butterfly_25, 2) : "—",
      note: "points",
    },
    advanced && {
      name: "gex",
      label: "GEX",
      value: isKnown(metrics.gex) ? cash.short(Number(metrics.gex)) : "—",
      note: isKnown(metrics.gex_flip)
        ? `per 1 %, flips at ${formats.number(metrics.gex_flip, 0)}`
        : "for a move of 1 %",
    },
    advanced && { name: "forward", label: "Forward", value: price("forward"), note: near("forward") },
    advanced &&
      isKnown(metrics.parity_violations) && {
        name: "parity_violations",
        label: "Parity broken",
        value: formats.count(number("parity_violations")),
        note: `${formats.count(number("liquid_strikes"))} liquid strikes of ${expiries.find((one) => one.expiry === expiry)?.strikes ?? chain?.strikes.length ?? "—"}`,
      },
  ];
  const fields = new Map<string, MetricField>((query.data?.fields ?? []).map((one) => [one.name, one]));
  return (
    <dl className={classes.metrics} aria-label="What the chain says">
      {figures
        .filter((one) => one !== false)
        .map((one) => {
          const field = fields.get(one.name);
          return (
            <div
              key={one.name}
              title={field ? [field.text, field.source].filter(Boolean).join(" Source: ") : undefined}
            >
              <dt>{one.label}</dt>
              <dd className="num">{one.value}</dd>
              {one.note && <dd className={classes.note}>{one.note}</dd>}
            </div>
          );
        })}
    </dl>
  );
}

/** Fewer than twenty days carry no rank. */
function daysWords(days: number | null, value: number | null): string | undefined {
  if (days === null) return undefined;
  if (value !== null) return `of ${days} days`;
  return `${days} ${days === 1 ? "day is" : "days are"} kept, 20 are needed`;
}
