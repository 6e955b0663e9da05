/**
 * From the wire to the pages' shapes, once, at the rim: numbers may come as decimal text or JSON numbers, and a
 * side that a source does not list has no quote. What cannot be a chain at all is said, not drawn.
 */
import { isKnown, type Numeric } from "@/shared/format/numbers";
import type * as t from "./types";

type Raw = Readonly<Record<string, unknown>>;

export class WrongShape extends Error {
  constructor(what: string) {
    super(`The server's answer about options is not what this page knows: ${what}. Load the page again.`);
    this.name = "WrongShape";
  }
}

function record(value: unknown, what: string): Raw {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new WrongShape(what);
  return value as Raw;
}

function rows(value: unknown, what: string): Raw[] {
  if (!Array.isArray(value)) throw new WrongShape(what);
  return value.map((one) => record(one, `a row of ${what}`));
}

export const num = (value: unknown): t.Num => (isKnown(value as Numeric) ? Number(value) : null);
/** A fraction as percentage points. */
const points = (value: unknown): t.Num => {
  const fraction = num(value);
  return fraction === null ? null : fraction * 100;
};
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const when = (value: unknown): t.When =>
  typeof value === "string" || typeof value === "number" ? value : null;
const numbers = (value: unknown): number[] =>
  Array.isArray(value) ? value.map(num).filter((one) => one !== null) : [];
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const claim = (value: unknown): boolean | null => (typeof value === "boolean" ? value : null);

function needed(value: unknown, what: string): number {
  const found = num(value);
  if (found === null) throw new WrongShape(`${what} is no number`);
  return found;
}

const QUOTE_NUMBERS = [
  "price",
  "last",
  "bid",
  "ask",
  "volume",
  "oi",
  "oi_change",
  "prev_close",
  "change",
  "iv",
  "delta",
  "gamma",
  "theta",
  "vega",
  "rho",
  "vanna",
  "volga",
  "charm",
  "quote_age_s",
] as const;

export function readQuote(value: unknown): t.Quote {
  const raw = (value ?? {}) as Raw;
  const found = Object.fromEntries(QUOTE_NUMBERS.map((name) => [name, num(raw[name])])) as unknown as t.Quote;
  found.status = text(raw.status) || (found.iv === null ? "no_price" : "ok");
  found.state = text(raw.state);
  found.is_liquid = raw.is_liquid === true;
  return found;
}

/** A number or a word (`oi_state`) by name. */
function readMetrics(value: unknown): t.Metrics {
  if (value === null || value === undefined) return {};
  return Object.fromEntries(
    Object.entries(record(value, "metrics")).map(([name, one]) => [
      name,
      isKnown(one as Numeric) ? Number(one) : typeof one === "string" && one ? one : null,
    ]),
  );
}

export function readChain(value: unknown): t.Chain {
  const raw = record(value, "a chain");
  return {
    underlying: text(raw.underlying),
    symbol: text(raw.symbol) || text(raw.underlying).split(":").pop() || "",
    spot: num(raw.spot),
    expiry: text(raw.expiry),
    expires_at: when(raw.expires_at),
    as_of: when(raw.as_of),
    model: text(raw.model),
    rate: num(raw.rate),
    forward: num(raw.forward),
    forward_source: text(raw.forward_source),
    t_years: num(raw.t_years),
    lot_size: num(raw.lot_size),
    source: text(raw.source),
    is_simulated: raw.is_simulated === true,
    atm_strike: num(raw.atm_strike),
    metrics: readMetrics(raw.metrics),
    flags: texts(raw.flags),
    strikes: rows(raw.strikes, "strikes")
      .map((row) => ({
        strike: needed(row.strike, "a strike"),
        iv: num(row.iv),
        call: readQuote(row.call),
        put: readQuote(row.put),
      }))
      .sort((a, b) => a.strike - b.strike),
  };
}

export function readUnderlyings(value: unknown): t.Underlying[] {
  return rows(record(value, "underlyings").items, "underlyings").map((raw) => ({
    underlying: text(raw.underlying),
    symbol: text(raw.symbol) || text(raw.underlying).split(":").pop() || "",
    name: text(raw.name),
    spot: num(raw.spot),
    change_pct: num(raw.change_pct),
    as_of: when(raw.as_of),
    expiries: texts(raw.expiries),
    atm_iv: num(raw.atm_iv),
    pcr_oi: num(raw.pcr_oi),
    is_simulated: raw.is_simulated === true,
  }));
}

export function readExpiries(value: unknown): { underlying: string; items: t.Expiry[] } {
  const raw = record(value, "expiries");
  return {
    underlying: text(raw.underlying),
    items: rows(raw.items, "expiries").map((one) => ({
      expiry: text(one.expiry),
      expires_at: when(one.expires_at),
      as_of: when(one.as_of),
      days: num(one.days),
      is_monthly: one.is_monthly === true,
      strikes: num(one.strikes),
    })),
  };
}

export function readMetricSet(value: unknown): t.MetricSet {
  const raw = record(value, "metrics");
  return {
    underlying: text(raw.underlying),
    spot: num(raw.spot),
    as_of: when(raw.as_of),
    iv_rank: num(raw.iv_rank),
    iv_percentile: num(raw.iv_percentile),
    iv_days: num(raw.iv_days),
    iv_of: text(raw.iv_of),
    all: readMetrics(raw.all),
    expiries: rows(raw.expiries, "expiries").map((one) => ({
      expiry: text(one.expiry),
      t_years: num(one.t_years),
      metrics: readMetrics(one.metrics),
    })),
    fields: rows(raw.fields ?? [], "fields").map((one) => ({
      name: text(one.name),
      label: text(one.label),
      unit: text(one.unit),
      text: text(one.text),
      source: text(one.source),
    })),
  };
}

export function readHistory(value: unknown): t.Moment[] {
  return rows(record(value, "a history").items, "a history").map((raw) => ({
    as_of: when(raw.as_of),
    expiry: text(raw.expiry),
    spot: num(raw.spot),
    metrics: readMetrics(raw.metrics),
  }));
}

export function readTimes(value: unknown): t.When[] {
  const items = record(value, "moments").items;
  if (!Array.isArray(items)) throw new WrongShape("moments");
  return items.map(when).filter((one) => one !== null);
}

export function readPain(value: unknown): t.Pain[] {
  return rows(record(value, "max pain").items, "max pain").map((raw) => ({
    strike: needed(raw.strike, "a strike"),
    pain: num(raw.pain),
    call_pain: num(raw.call_pain),
    put_pain: num(raw.put_pain),
  }));
}

export function readSurface(value: unknown): t.Surface {
  const raw = record(value, "a surface");
  const grid = record(raw.grid ?? {}, "a grid");
  const calendar = (raw.calendar ?? {}) as Raw;
  return {
    as_of: when(raw.as_of),
    spot: num(raw.spot),
    slices: rows(raw.slices ?? [], "slices").map((one) => ({
      expiry: text(one.expiry),
      t_years: num(one.t_years),
      forward: num(one.forward),
      is_fitted: one.params !== null && one.params !== undefined,
      rmse: num(one.rmse),
      min_g: num(one.min_g),
      min_g_k: num(one.min_g_k),
      is_butterfly_free: claim(one.is_butterfly_free),
      points: rows(one.points ?? [], "points").map((point) => ({
        strike: needed(point.strike, "a strike"),
        k: num(point.k),
        iv: num(point.iv),
        fitted: num(point.fitted),
        residual: num(point.residual),
      })),
    })),
    is_calendar_free: claim(calendar.is_free),
    is_free_where_quoted: claim(calendar.is_free_where_quoted),
    crossings: Array.isArray(calendar.crossings) ? calendar.crossings.length : 0,
    grid: {
      k: numbers(grid.k),
      expiries: texts(grid.expiries),
      t_years: Array.isArray(grid.t_years) ? grid.t_years.map(num) : [],
      iv: Array.isArray(grid.iv) ? grid.iv.map((row) => (Array.isArray(row) ? row.map(num) : [])) : [],
      is_quoted: Array.isArray(grid.is_quoted)
        ? grid.is_quoted.map((row) => (Array.isArray(row) ? row.map(Boolean) : []))
        : [],
    },
  };
}

const KINDS: readonly t.Kind[] = ["call", "put", "future", "stock"];

export function readLeg(value: unknown): t.Leg {
  const raw = record(value, "a leg");
  const kind = KINDS.find((one) => one === raw.kind);
  if (!kind || (raw.side !== "buy" && raw.side !== "sell"))
    throw new WrongShape(`a leg "${raw.kind} ${raw.side}"`);
  return {
    kind,
    side: raw.side,
    lots: needed(raw.lots, "a leg's lots"),
    strike: num(raw.strike),
    expiry: text(raw.expiry) || null,
    price: num(raw.price),
  };
}

function readGreeks(raw: Raw): t.Greeks {
  return { delta: num(raw.delta), gamma: num(raw.gamma), theta: num(raw.theta), vega: num(raw.vega) };
}

export function readPayoff(value: unknown): t.Payoff {
  const raw = record(value, "a payoff");
  return {
    legs: rows(raw.legs, "legs").map((one) => ({
      ...readLeg(one),
      iv: num(one.iv),
      ...readGreeks((one.greeks ?? one) as Raw),
    })),
    lot_size: num(raw.lot_size),
    cost: num(raw.cost),
    max_profit: num(raw.max_profit),
    max_loss: num(raw.max_loss),
    is_profit_unlimited: raw.is_profit_unlimited === true,
    is_loss_unlimited: raw.is_loss_unlimited === true,
    break_evens: numbers(raw.break_evens),
    is_numeric: raw.is_numeric === true,
    moved_profit: num(((raw.what_if ?? {}) as Raw).profit),
    probability_of_profit: points(raw.probability_of_profit),
    probability_model: text(raw.probability_model),
    margin: num(raw.margin),
    margin_model: text(raw.margin_model),
    greeks: readGreeks((raw.greeks ?? {}) as Raw),
    points: rows(raw.points, "points").map((one) => ({
      spot: needed(one.spot, "a point's price"),
      now: num(one.now),
      expiry: num(one.expiry),
    })),
    words: texts(raw.words),
  };
}

export function readStrategies(value: unknown): t.Examples {
  const answer = record(value, "examples");
  const items = rows(answer.items, "examples").map((raw) => ({
    name: text(raw.name),
    title: text(raw.title) || text(raw.name),
    text: text(raw.text),
    // Its prices are those of the chain: they go on moving with it.
    legs: rows(raw.legs, "legs").map((leg) => ({ ...readLeg(leg), price: null })),
    max_profit: num(raw.max_profit),
    max_loss: num(raw.max_loss),
    break_evens: numbers(raw.break_evens),
    probability_of_profit: points(raw.probability_of_profit),
    cost: num(raw.cost),
  }));
  return { items, why: text(answer.why) || null };
}

export function readPresets(value: unknown): t.Preset[] {
  return rows(record(value, "presets").items, "presets").map((raw) => ({
    name: text(raw.name),
    title: text(raw.title) || text(raw.name),
    text: text(raw.text),
    view: text(raw.view),
    is_defined_risk: raw.is_defined_risk === true,
  }));
}

/** The legs of a preset made of a chain, at the chain's prices. */
export function readPreset(value: unknown): t.Leg[] {
  return rows(record(value, "a preset").legs, "legs").map((leg) => ({ ...readLeg(leg), price: null }));
}
