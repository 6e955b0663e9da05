/** The shapes of rules, their previews and their reasons. */

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

export interface TextError {
  line: number;
  column: number;
  message: string;
  reason: string;
}

export interface RulePlan {
  timing: string;
  symbols: number;
  sub_expressions: number;
  evaluations_per_day: number;
  warm_up: { timeframe: string; bars: number }[];
  feeds: string[];
  fields: string[];
  may_repaint: boolean;
  reads_others: boolean;
  notes: string[];
  /** Sub-expressions that other rules use too; only for a rule that is stored. */
  shared?: number;
}

export interface CheckedRule {
  kind: "alert" | "screen";
  name: string;
  rule_uid: string;
  text: string;
  sentence: string;
  form: RuleForm;
  plan: RulePlan;
}

export interface RuleCheck {
  ok: boolean;
  errors: TextError[];
  rules: CheckedRule[];
}

export interface RuleFormAnswer {
  text: string;
  sentence: string;
  errors: { path: string; message: string }[];
}

export interface PreviewMarker {
  firing_id: string;
  instrument: string;
  symbol: string;
  time: string;
  value: string | number | null;
  event: string;
}

export interface Preview {
  fires: number;
  symbols_fired: number;
  per_day: number;
  busiest_day: { date: string; count: number } | null;
  longest_quiet_days: number;
  by_day: { date: string; count: number }[];
  markers: PreviewMarker[];
  is_noisy: boolean;
  noise_score: number;
  outcomes: {
    after: string;
    count: number;
    mean_pct: number | null;
    median_pct: number | null;
    up_pct: number | null;
  }[];
  cooldowns: { cooldown: string; removed: number }[];
  suppressed: number;
  history: {
    from: string | null;
    to: string | null;
    timeframe: string;
    bars: number;
    instruments: number;
    gaps: string[];
  };
  may_repaint: boolean;
  notes: string[];
  seconds: number;
}

export interface WhyTerm {
  expression: string;
  value: number | null;
  previous?: number | null;
  type: string;
  source: string;
  timeframe: string;
  as_of: number | null;
  age_s: number | null;
}

export interface WhyClause {
  text: string;
  role: string;
  truth: boolean | null;
  distance: number | null;
  distance_pct: number | null;
  terms: WhyTerm[];
}

export interface Why {
  condition: string;
  event: string;
  timing: string;
  event_time: number | null;
  truth: boolean | null;
  sentence: string;
  value: number | null;
  previous: number | null;
  level: number | null;
  clauses: WhyClause[];
  first_false: { text: string; distance: number | null; distance_text: string } | null;
  missing: { expression: string; reason: string }[];
  terms: WhyTerm[];
  state?: string;
  since?: string | number | null;
  until?: string | number | null;
  suppressed?: string | null;
  evaluated_at?: string | number | null;
}

export interface StoredRule {
  rule_uid: string;
  name: string;
  text: string;
  instrument: string | null;
  symbol: string | null;
  direction: "above" | "below" | null;
  level: string | null;
  state: string;
  version: number;
  created_at: string | null;
  notify: string[];
  kind: "level" | "rule";
  condition: string;
  universe: string;
  timing: string;
  severity: string;
  group: string;
  is_editable: boolean;
  last_fired_at: string | null;
  firings: number;
  sentence: string;
  /** Why it cannot be evaluated; empty where it can. */
  problem: string;
}

export interface RuleVersion {
  version: number;
  text: string;
  created_at: string | null;
  state: string;
}

export interface AlertDelivery {
  channel: string;
  address_label: string;
  state: string;
  attempts: number;
  error: string;
  sent_at: string | null;
}

export interface Alert {
  firing_id: string;
  rule_uid: string;
  rule: string;
  instrument: string;
  symbol: string;
  name: string;
  event_time: string;
  recorded_at: string | null;
  values: Partial<Why> & Record<string, unknown>;
  deliveries: AlertDelivery[];
  is_read: boolean;
  severity: string;
  event: string;
  version: number;
  suppressed: string;
}

export interface FieldEntry {
  name: string;
  type: string;
  cadence: string;
  label: string;
  description: string;
  unit: string;
  source: string;
}

export interface FunctionEntry {
  name: string;
  usage: string;
  summary: string;
  kind: string;
  arguments: { name: string; is_condition?: boolean; default: string | null }[];
  parameters: { name: string; kind: string; default: number | string | null }[];
  /** The member that a call without one means; "" where a call needs one, or has none. */
  main: string;
  members: { name: string; type: string }[];
}

export interface Registry {
  items: FieldEntry[];
  functions: FunctionEntry[];
  universes: string[];
}
