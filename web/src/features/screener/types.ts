/** The shapes of screens, as the server's answers have them. */
import type { Cond } from "@/shared/api/ruleTypes";

export interface ScreenInfo {
  screen_id: string;
  name: string;
  description: string;
  text: string;
  kind: "template" | "saved";
  condition: string;
  columns: string[];
  order_by: string | null;
  descending: boolean;
  limit: number | null;
  /** Members now; null while nobody has counted. */
  count: number | null;
  as_of: string | null;
}

/** A value of a column: decimal text, a word of an enum, a truth, or not known. */
export type Cell = string | number | boolean | null;

export interface ResultRow {
  instrument: string;
  symbol: string;
  name: string;
  close: string | number | null;
  change_pct: string | number | null;
  volume: string | number | null;
  as_of: string | null;
  values: Cell[];
}

export interface ResultColumn {
  expression: string;
  label: string;
  type: string;
  unit: string;
}

export interface Chip {
  text: string;
  form: Cond;
  count: number | null;
}

export interface ResultPage {
  items: ResultRow[];
  columns: ResultColumn[];
  count: number;
  text: string;
  condition: string;
  chips: Chip[];
  unknown: { count: number; fields: { field: string; count: number }[] };
  as_of: string | null;
  source: string;
  took_ms: number;
  next_cursor: string | null;
}

export interface RunBody {
  text?: string;
  screen_id?: string;
  as_of?: string;
  columns?: string[];
  sort?: string;
  descending?: boolean;
  limit?: number;
  cursor?: string;
}

export interface Passage {
  instrument: string;
  symbol: string;
  event: "enter" | "leave";
  at: string;
}

export interface Distribution {
  field: string;
  known: number;
  unknown: number;
  min: number | null;
  max: number | null;
  /** At 5, 25, 50, 75 and 95 in a hundred. */
  quantiles: number[];
  bins: { from: number; to: number; count: number }[];
}
