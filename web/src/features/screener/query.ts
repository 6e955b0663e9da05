/** One query as the address, the form and the chips hold it. Pure: the server alone reads and writes texts. */
import type { Cond, FieldEntry, RuleForm, Scope } from "@/shared/api/ruleTypes";
import type { Chip, RunBody, ScreenInfo } from "./types";

export interface ScreenSearch {
  screen?: string | undefined;
  text?: string | undefined;
  /** An expression; "-" before it sorts downwards. */
  sort?: string | undefined;
  /** Expressions with "|" between. */
  columns?: string | undefined;
  as_of?: string | undefined;
  view?: "chips" | "text" | undefined;
}

export interface Order {
  by: string;
  descending: boolean;
}

export function orderOf(sort: string | undefined): Order | undefined {
  if (!sort) return undefined;
  return sort.startsWith("-") ? { by: sort.slice(1), descending: true } : { by: sort, descending: false };
}

export const sortText = (order: Order | undefined): string | undefined =>
  order && (order.descending ? `-${order.by}` : order.by);

export const columnsOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split("|")
    .map((one) => one.trim())
    .filter(Boolean);

export const columnsText = (columns: readonly string[]): string | undefined => columns.join("|") || undefined;

/**
 * What the address asks the server for. A changed text goes as a text, an unchanged screen by its id. `own` are the
 * columns of a text that names none.
 */
export function bodyOf(
  search: ScreenSearch,
  screen: ScreenInfo | undefined,
  own: readonly string[] = [],
): RunBody | null {
  const what = search.text ? { text: search.text } : screen ? { screen_id: screen.screen_id } : null;
  if (!what) return null;
  const order = orderOf(search.sort);
  const asked = columnsOf(search.columns);
  const columns = asked.length > 0 ? asked : [...own];
  return {
    ...what,
    ...(search.as_of && { as_of: search.as_of }),
    ...(columns.length > 0 && { columns }),
    ...(order && { sort: order.by, descending: order.descending }),
  };
}

/** Columns that are always there. */
export const FIXED: ReadonlySet<string> = new Set(["symbol", "name", "close", "change_pct"]);

const MOST_OWN = 6;
const isLiteral = (operand: string) => /^["\d.+-]/.test(operand);

/** What a condition compares: the columns of a query that names none. */
export function operandsOf(cond: Cond): string[] {
  const found = partsOf(cond).flatMap((part) => {
    switch (part.op) {
      case "compare":
      case "crosses":
        return [part.left, part.right];
      case "between":
      case "moves":
        return [part.of];
      default:
        return [];
    }
  });
  const shown = found.filter((operand) => !isLiteral(operand) && !FIXED.has(operand));
  return [...new Set(shown)].slice(0, MOST_OWN);
}

/** True for a text with clauses; false for a condition alone. */
export const isScreen = (text: string): boolean => /^(?:\s|#[^\n]*\n)*screen\b/.test(text);

/** More clauses than a condition stand under a name only. */
export function named(form: RuleForm, name: string): RuleForm {
  const isBare =
    form.on.every((scope) => scope.kind === "all") &&
    form.where === null &&
    form.order_by === null &&
    form.limit === null &&
    form.columns.length === 0;
  return form.name !== "" || isBare ? form : { ...form, name };
}

/** The conditions that all have to hold: the chips. */
export const partsOf = (when: Cond): Cond[] => (when.op === "and" ? when.parts : [when]);

/** A screen keeps one condition at least; without any, every company with a price is in it. */
export const EVERYBODY: Cond = { op: "text", text: "close is known" };

export function joined(parts: readonly Cond[]): Cond {
  const [only] = parts;
  if (!only) return EVERYBODY;
  return parts.length === 1 ? only : { op: "and", parts: [...parts] };
}

/** The alert that says who comes and who goes. The words of its name fit the language's quotes. */
export function alertForm(screen: RuleForm, name: string): RuleForm {
  return {
    ...screen,
    kind: "alert",
    name: `${name.replaceAll('"', "'")}: in or out`,
    rule_uid: "",
    at: { kind: "close", timeframe: "1d", word: "" },
    fire: "on change",
    order_by: null,
    descending: false,
    limit: null,
    columns: [],
  };
}

const SIGNS: Record<string, string> = { ">=": "≥", "<=": "≤", "!=": "≠", "<": "<", ">": ">", "=": "=" };

/** A chip's words: labels where an operand is a field alone, large numbers as people say them, else the text. */
export function chipWords(
  cond: Cond,
  text: string,
  labels: ReadonlyMap<string, string>,
  compact: (digits: string) => string = (digits) => digits,
): string {
  const say = (operand: string) => labels.get(operand) ?? (isLarge(operand) ? compact(operand) : operand);
  switch (cond.op) {
    case "compare":
      return `${say(cond.left)} ${SIGNS[cond.operator] ?? cond.operator} ${say(cond.right)}`;
    case "between":
      return `${say(cond.of)} ${say(cond.low)} to ${say(cond.high)}`;
    case "crosses":
      return `${say(cond.left)} crosses ${cond.direction === "either" ? "" : `${cond.direction} `}${say(cond.right)}`;
    default:
      return text;
  }
}

const isLarge = (operand: string) => /^-?\d+$/.test(operand) && Math.abs(Number(operand)) >= 1e5;

/** A large whole number as the language lets one type it: "5000000000" → "500Cr", or "5B". */
export function shortened(operand: string, isIndian: boolean): string {
  if (!isLarge(operand)) return operand;
  const scales: [number, string][] = isIndian
    ? [
        [1e7, "Cr"],
        [1e5, "L"],
      ]
    : [
        [1e9, "B"],
        [1e6, "M"],
      ];
  for (const [scale, word] of scales) {
    const short = String(Number(operand) / scale);
    // Nothing of it may be lost.
    if (Math.abs(Number(operand)) >= scale && short.length <= 7) return short + word;
  }
  return operand;
}

/** Labels of fields by every name that a text can give them: "fund.pe", and "pe" where that is nobody else's. */
export function labelsOf(fields: readonly FieldEntry[]): Map<string, string> {
  const labels = new Map(fields.map((field) => [field.name, field.label]));
  for (const field of fields) {
    const bare = field.name.startsWith("fund.") ? field.name.slice(5) : "";
    if (bare && !labels.has(bare)) labels.set(bare, field.label);
  }
  return labels;
}

/** The field that an operand names, alone; null for anything that has to be computed. */
export function fieldOf(operand: string, fields: readonly FieldEntry[]): FieldEntry | null {
  return (
    fields.find((field) => field.name === operand) ??
    fields.find((field) => field.name === `fund.${operand}`) ??
    null
  );
}

const GROUPS: [string, string][] = [
  ["fund.", "Company figures"],
  ["day.", "Price and volume"],
  ["prev_day.", "Price and volume"],
  ["opt.", "Options"],
  ["fut.", "Futures"],
  ["book.", "Order book"],
  ["news.", "News"],
  ["abnormal.", "Unusual trading"],
  ["macro.", "Economy"],
  ["mkt.", "Market"],
  ["pos.", "Paper account"],
  ["acct.", "Paper account"],
  ["my.", "Your own"],
  ["src.", "Source"],
];

export function groupOf(name: string): string {
  return GROUPS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "Price and volume";
}

/** Options of a chooser, one group after another, each in the registry's order. */
export function grouped<T extends { name: string }>(fields: readonly T[]): { group: string; items: T[] }[] {
  const groups = new Map<string, T[]>();
  for (const field of fields) {
    const group = groupOf(field.name);
    groups.set(group, [...(groups.get(group) ?? []), field]);
  }
  return [...groups].map(([group, items]) => ({ group, items }));
}

export const scopeKey = (scope: Scope): string => `${scope.kind}|${scope.venue}|${scope.name}`;

export function scopeWords(scope: Scope): string {
  switch (scope.kind) {
    case "all":
      return "All instruments";
    case "watchlist":
      return `Watchlist ${scope.name}`;
    case "screen":
      return `Screen ${scope.name}`;
    case "portfolio":
      return "Your portfolio";
    default:
      return scope.name;
  }
}

const SCALES: Record<string, string> = {
  k: "k",
  l: "L",
  lakh: "L",
  cr: "Cr",
  crore: "Cr",
  m: "M",
  b: "B",
  "%": "%",
};

/** A number as people type it ("1,20,000", "500 crore") as the language has it; the rest goes as it is. */
export function operand(typed: string): string {
  const text = typed.trim().replaceAll("\u2212", "-");
  const found = /^([-+]?[\d,\s]*\.?\d+)\s*(%|k|l|lakh|cr|crore|m|b)?$/i.exec(text);
  if (!found) return text;
  return (found[1] ?? "").replace(/[,\s+]/g, "") + (SCALES[(found[2] ?? "").toLowerCase()] ?? "");
}

/** How many could not be judged and for want of what: "12 could not be judged: 8 lack ROE, 4 lack P/E". */
export function unknownWords(
  unknown: { count: number; fields: readonly { field: string; count: number }[] },
  labels: ReadonlyMap<string, string>,
): string {
  const lacks = unknown.fields
    .slice(0, 4)
    .map(({ field, count }) => `${count} ${count === 1 ? "lacks" : "lack"} ${labels.get(field) ?? field}`);
  const who = `${unknown.count} could not be judged`;
  return lacks.length > 0 ? `${who}: ${lacks.join(", ")}` : who;
}

/** The same question for a terminal. */
export function curlOf(origin: string, body: RunBody): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return [
    `curl ${origin}/api/screens/run \\`,
    '  -H "Authorization: Bearer $MARKETBELL_TOKEN" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '${json}'`,
  ].join("\n");
}

/** Chips as the server counted them; while it counts, the form's own without counts. */
export function chipsOf(form: RuleForm | undefined, counted: readonly Chip[] | undefined): Chip[] {
  if (!form) return [...(counted ?? [])];
  const known = new Map((counted ?? []).map((chip) => [JSON.stringify(chip.form), chip]));
  return partsOf(form.when).map(
    (part) =>
      known.get(JSON.stringify(part)) ?? {
        text: part.op === "text" ? part.text : "",
        form: part,
        count: null,
      },
  );
}
