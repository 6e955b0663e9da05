/** One condition as blanks: what, how, and one or two values. Pure. */

import type { Cond, FieldEntry } from "@/shared/api/ruleTypes";
import { parseNumber } from "@/shared/format/numbers";
import { fieldOf, operand } from "./query";

export type Verb = ">" | ">=" | "<" | "<=" | "=" | "!=" | "between" | "above" | "below" | "true" | "untrue";

export interface Blanks {
  what: string;
  verb: Verb;
  low: string;
  high: string;
}

export const VERBS: { value: Verb; label: string }[] = [
  { value: ">", label: "is above" },
  { value: ">=", label: "is at least" },
  { value: "<", label: "is below" },
  { value: "<=", label: "is at most" },
  { value: "between", label: "is between" },
  { value: "=", label: "is" },
  { value: "!=", label: "is not" },
  { value: "above", label: "crosses above" },
  { value: "below", label: "crosses below" },
  { value: "true", label: "holds" },
  { value: "untrue", label: "does not hold" },
];

const TRUTHS: readonly Verb[] = ["true", "untrue"];
const SAMES: readonly Verb[] = ["=", "!="];

/** What can be said of a value of that type. */
export function verbsOf(type: string): typeof VERBS {
  if (type === "bool") return VERBS.filter(({ value }) => TRUTHS.includes(value));
  if (type === "enum") return VERBS.filter(({ value }) => SAMES.includes(value));
  return VERBS.filter(({ value }) => !TRUTHS.includes(value));
}

/** What is computed more often than the rest; anything else can be written as a text. */
export const COMPUTED = [
  { value: "rsi(close, 14)", label: "RSI 14, daily" },
  { value: "sma(close, 50)", label: "Average of 50 days" },
  { value: "sma(close, 200)", label: "Average of 200 days" },
  { value: "pct_change(close, 5)", label: "Change in 5 days" },
  { value: "pct_change(close, 21)", label: "Change in 21 days" },
  { value: "pct_change(close, 252)", label: "Change in 252 days" },
  { value: "atr(14)", label: "ATR 14, daily" },
  { value: "hv(close, 20)", label: "Volatility of 20 days" },
] as const;

/** The blanks of a condition; null where it is more than blanks can hold. */
export function blanksOf(cond: Cond, fields: readonly FieldEntry[]): Blanks | null {
  switch (cond.op) {
    case "compare":
      return {
        what: cond.left,
        verb: cond.operator as Verb,
        low: fieldOf(cond.left, fields)?.type === "enum" ? unquoted(cond.right) : cond.right,
        high: "",
      };
    case "between":
      return { what: cond.of, verb: "between", low: cond.low, high: cond.high };
    case "crosses":
      return cond.direction === "either"
        ? null
        : { what: cond.left, verb: cond.direction, low: cond.right, high: "" };
    case "not":
      return cond.of.op === "text" && isTruth(cond.of.text, fields)
        ? { what: cond.of.text, verb: "untrue", low: "", high: "" }
        : null;
    case "text":
      return isTruth(cond.text, fields) ? { what: cond.text, verb: "true", low: "", high: "" } : null;
    default:
      return null;
  }
}

const unquoted = (text: string) => /^"(.*)"$/.exec(text)?.[1] ?? text;

const isTruth = (text: string, fields: readonly FieldEntry[]) => fieldOf(text, fields)?.type === "bool";

export function isFull(blanks: Blanks): boolean {
  if (!blanks.what) return false;
  if (TRUTHS.includes(blanks.verb)) return true;
  return blanks.low.trim() !== "" && (blanks.verb !== "between" || blanks.high.trim() !== "");
}

/** The condition that the blanks say. Words of an enum are quoted. */
export function condOf({ what, verb, low, high }: Blanks, type: string): Cond {
  const value = (typed: string) => (type === "enum" ? JSON.stringify(typed) : operand(typed));
  switch (verb) {
    case "true":
      return { op: "text", text: what };
    case "untrue":
      return { op: "not", of: { op: "text", text: what } };
    case "between":
      return { op: "between", of: what, low: value(low), high: value(high) };
    case "above":
    case "below":
      return { op: "crosses", direction: verb, left: what, right: value(low) };
    default:
      return { op: "compare", operator: verb, left: what, right: value(low) };
  }
}

/** What the condition takes of the number line, where its values are numbers; [null, null] where they are not. */
export function limitsOf({ verb, low, high }: Blanks): [number | null, number | null] {
  const from = parseNumber(low.replace("%", ""));
  const to = parseNumber(high.replace("%", ""));
  switch (verb) {
    case ">":
    case ">=":
    case "above":
      return [from, null];
    case "<":
    case "<=":
    case "below":
      return [null, from];
    case "between":
      return [from, to];
    default:
      return [null, null];
  }
}
