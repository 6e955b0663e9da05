/** The figures of a company in groups, and how each is written. Pure. */
import type { FundamentalFact } from "@/shared/api/types";
import type { Formats } from "@/shared/format/use";

export const GROUPS = ["Valuation", "Quality", "Growth", "Per share", "Ownership", "Other"] as const;
export type Group = (typeof GROUPS)[number];

const PLACES: [Group, RegExp][] = [
  ["Growth", /growth|cagr/],
  ["Ownership", /holding|pledged/],
  ["Per share", /^eps|per_share/],
  ["Valuation", /^(pe|pb|ps|market_cap|earnings_yield|dividend_yield|pe_median_5y|shares_outstanding)$/],
  ["Quality", /^(roe|roce|debt_to_equity|sales|net_profit|ebitda)|margin/],
];

const PERCENT = /roe|roce|yield|growth|cagr|margin|holding|pct/;

const bare = (name: string) => name.replace(/^fund\./, "");

export function groupOf(name: string): Group {
  return PLACES.find(([, pattern]) => pattern.test(bare(name)))?.[0] ?? "Other";
}

/** The groups that have something, in their order. */
export function grouped(facts: readonly FundamentalFact[]): [Group, FundamentalFact[]][] {
  return GROUPS.map((group): [Group, FundamentalFact[]] => [
    group,
    facts.filter((fact) => groupOf(fact.name) === group),
  ]).filter(([, own]) => own.length > 0);
}

export function valueWords(
  name: string,
  unit: string,
  value: string | number | null | undefined,
  currency: string,
  formats: Formats,
): string {
  const short = bare(name);
  if (unit === "currency") return formats.money(value, currency);
  if (short === "shares_outstanding") return formats.compact(value);
  if (unit === "%" || PERCENT.test(short))
    return formats.percent(value, { sign: /change|growth|cagr/.test(short) });
  return formats.number(value, 2, 2);
}
