/** Fields and indicators as a list to choose a value from. Pure. */
import type { FunctionEntry, Registry } from "@/shared/api/ruleTypes";

export interface Name {
  label: string;
  /** What goes into the condition. */
  insert: string;
  about: string;
  group: string;
}

/** What most conditions are about, before the whole registry. */
const USUAL: readonly Name[] = [
  { label: "Price", insert: "close", about: "The last price.", group: "Usual" },
  {
    label: "Change today",
    insert: "change_pct",
    about: "Against the previous close, in percent.",
    group: "Usual",
  },
  { label: "Volume today", insert: "day.volume", about: "The session’s volume so far.", group: "Usual" },
  { label: "RSI 14", insert: "rsi(close, 14)", about: "How fast it rose or fell, 0 to 100.", group: "Usual" },
  {
    label: "Average of 50 days",
    insert: "sma(close, 50)@1d",
    about: "The mean of the last 50 closes.",
    group: "Usual",
  },
  {
    label: "Average of 200 days",
    insert: "sma(close, 200)@1d",
    about: "The mean of the last 200 closes.",
    group: "Usual",
  },
  {
    label: "52-week high",
    insert: "high_52w",
    about: "The highest of a year, today included.",
    group: "Usual",
  },
  { label: "52-week low", insert: "low_52w", about: "The lowest of a year, today included.", group: "Usual" },
];

const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^fund\./, "Fundamentals"],
  [/^opt\./, "Options"],
  [/^fut\./, "Futures"],
  [/^news\./, "News"],
  [/^(pos|acct)\./, "Paper account"],
  [/^(macro|mkt)\./, "The market"],
  [/^book\./, "Order book"],
  [/^pattern/, "Patterns"],
  [/^src\./, "The data"],
];
const groupOf = (name: string): string =>
  GROUPS.find(([start]) => start.test(name))?.[1] ?? "Price and volume";

/** A call with its usual settings: `rsi(close, 14)`, `bb(close, 20, 2).upper`. */
export function callOf(entry: FunctionEntry): string {
  const values = [
    ...entry.arguments.map((one) => one.default ?? (one.is_condition ? "close > open" : "close")),
    ...entry.parameters.map((one) => String(one.default ?? (one.kind === "duration" ? "15m" : 20))),
  ];
  const member = entry.main === "" && entry.members.length > 1 ? `.${entry.members[0]?.name ?? ""}` : "";
  return `${entry.name}(${values.join(", ")})${member}`;
}

export function namesOf(registry: Registry | undefined): Name[] {
  if (!registry) return [...USUAL];
  return [
    ...USUAL,
    ...registry.items
      .filter((field) => !field.is_of_bar)
      .map((field) => ({
        label: field.label,
        insert: field.settings.length > 0 ? field.usage : field.name,
        about: field.is_live
          ? field.description
          : `${field.description} Not known yet: no source provides it.`,
        group: groupOf(field.name),
      })),
    ...(registry.functions ?? [])
      .filter((entry) => entry.kind === "series")
      .map((entry) => ({
        label: entry.name,
        insert: callOf(entry),
        about: entry.summary,
        group: "Indicators and functions",
      })),
  ];
}

const MOST = 60;

export function findNames(names: readonly Name[], typed: string): Name[] {
  const needle = typed.trim().toLowerCase();
  const hits = needle
    ? names.filter((name) => `${name.label} ${name.insert} ${name.about}`.toLowerCase().includes(needle))
    : names;
  // A name that begins so stands before one that only tells of it.
  const rank = (name: Name) =>
    Number(!name.label.toLowerCase().startsWith(needle) && !name.insert.toLowerCase().startsWith(needle));
  return (needle ? [...hits].sort((a, b) => rank(a) - rank(b)) : hits).slice(0, MOST);
}
