/** The shapes of rules, their previews and their reasons: the server's, and what its free-form parts hold. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Cond =
  | { op: "and" | "or"; parts: Cond[] }
  | { op: "not"; of: Cond }
  | { op: "compare"; operator: string; left: string; right: string }
  | { op: "crosses"; direction: "above" | "below" | "either"; left: string; right: string }
  | { op: "between"; of: string; low: string; high: string }
  | { op: "moves"; verb: "rises" | "falls" | "moves"; of: string; by: string; within: string }
  | { op: "text"; text: string };

export type ScopeKind = "symbol" | "universe" | "watchlist" | "screen" | "portfolio" | "all";

export interface Scope {
  kind: ScopeKind;
  name: string;
  venue: string;
}

export interface Timing {
  kind: "tick" | "close" | "live" | "update" | "schedule";
  timeframe: string | null;
  word: string;
}

/** One rule as fields of a form; null is "not written". The texts inside are expressions of the language. */
export interface RuleForm {
  kind: "alert" | "screen";
  name: string;
  rule_uid: string;
  on: Scope[];
  where: Cond | null;
  when: Cond;
  at: Timing | null;
  hold: string | null;
  fire: string | null;
  rearm: { kind: "false" | "when" | "after" | "never"; when: Cond | null; after: string | null } | null;
  cooldown: { duration: string; per: "symbol" | "rule" } | null;
  limit: number | null;
  session: { venue: string; from: string; to: string } | null;
  expires: { after: string } | { on: string } | null;
  stale: "skip" | "hold" | "fire" | null;
  max_age: string | null;
  severity: "low" | "normal" | "high" | null;
  notify: string[];
  fallback: string | null;
  digest: string | null;
  action: string | null;
  order_by: string | null;
  descending: boolean;
  columns: string[];
}

export type TextError = Schemas["TextError"];
export type RulePlan = Schemas["RulePlan"];
export type CheckedRule = Omit<Schemas["CheckedRule"], "form"> & { form: RuleForm };
export type RuleCheck = Omit<Schemas["RuleCheck"], "rules"> & { rules: CheckedRule[] };
export type RuleFormAnswer = Schemas["FormText"];
export type Preview = Schemas["Preview"];
export type PreviewMarker = Schemas["Marker"];
export type StoredRule = Schemas["Rule"];
export type RuleVersion = Schemas["RuleVersion"];
export type Why = Schemas["Why"];
export type WhyClause = Schemas["WhyClause"];
export type WhyTerm = Schemas["WhyTerm"];
export type Registry = Schemas["FieldList"];
export type FieldEntry = Pick<
  Schemas["FieldInfo"],
  "name" | "type" | "cadence" | "label" | "description" | "unit" | "source"
>;
export type FunctionEntry = Schemas["FunctionInfo"];
export type AlertDelivery = Schemas["AlertDelivery"];

/** What fired, with the reason as it was then. */
export type Alert = Omit<Schemas["Alert"], "values"> & { values: Partial<Why> & Record<string, unknown> };
