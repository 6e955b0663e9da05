/** Option chains as the pages use them: numbers are numbers, unknown is null. `read.ts` makes them from the wire. */
export type Num = number | null;
export type When = string | number | null;
export type Side = "call" | "put";
export type View = "up" | "down" | "flat" | "big_move";

/** What is known of one contract. IV in percentage points, theta a calendar day, vega and rho a point. */
export interface Quote {
  price: Num;
  last: Num;
  bid: Num;
  ask: Num;
  volume: Num;
  oi: Num;
  oi_change: Num;
  prev_close: Num;
  change: Num;
  iv: Num;
  delta: Num;
  gamma: Num;
  theta: Num;
  vega: Num;
  rho: Num;
  vanna: Num;
  volga: Num;
  charm: Num;
  /** Why there is no volatility; "ok" where there is one. */
  status: string;
  /** What price and open interest did together: "long_buildup" …; "" neither. */
  state: string;
  is_liquid: boolean;
  quote_age_s: Num;
}

export interface Strike {
  strike: number;
  /** Of the side out of the money, percentage points. */
  iv: Num;
  call: Quote;
  put: Quote;
}

export type Metrics = Readonly<Record<string, number | string | null>>;

export interface Chain {
  underlying: string;
  symbol: string;
  spot: Num;
  expiry: string;
  expires_at: When;
  as_of: When;
  model: string;
  /** A fraction a year. */
  rate: Num;
  forward: Num;
  forward_source: string;
  t_years: Num;
  lot_size: Num;
  source: string;
  is_simulated: boolean;
  atm_strike: Num;
  metrics: Metrics;
  flags: string[];
  strikes: Strike[];
}

export interface Underlying {
  underlying: string;
  symbol: string;
  name: string;
  spot: Num;
  change_pct: Num;
  as_of: When;
  expiries: string[];
  atm_iv: Num;
  pcr_oi: Num;
  is_simulated: boolean;
}

export interface Expiry {
  expiry: string;
  expires_at: When;
  as_of: When;
  days: Num;
  is_monthly: boolean;
  strikes: Num;
}

export interface MetricField {
  name: string;
  label: string;
  unit: string;
  text: string;
  source: string;
}

export interface MetricSet {
  underlying: string;
  spot: Num;
  as_of: When;
  iv_rank: Num;
  iv_percentile: Num;
  iv_days: Num;
  /** Which volatility is ranked. */
  iv_of: string;
  all: Metrics;
  expiries: { expiry: string; t_years: Num; metrics: Metrics }[];
  fields: MetricField[];
}

export interface Moment {
  as_of: When;
  expiry: string;
  spot: Num;
  metrics: Metrics;
}

export interface Pain {
  strike: number;
  pain: Num;
  call_pain: Num;
  put_pain: Num;
}

export interface SurfacePoint {
  strike: number;
  k: Num;
  iv: Num;
  fitted: Num;
  residual: Num;
}

export interface SurfaceSlice {
  expiry: string;
  t_years: Num;
  forward: Num;
  is_fitted: boolean;
  rmse: Num;
  min_g: Num;
  /** Where it is: log-moneyness. */
  min_g_k: Num;
  is_butterfly_free: boolean | null;
  points: SurfacePoint[];
}

export interface Grid {
  /** Log-moneyness against each expiry's forward. */
  k: number[];
  expiries: string[];
  t_years: Num[];
  /** One row an expiry, percentage points. */
  iv: Num[][];
  /** Where the expiry has quotes; elsewhere the fit goes on by itself. */
  is_quoted: boolean[][];
}

export interface Surface {
  as_of: When;
  spot: Num;
  slices: SurfaceSlice[];
  is_calendar_free: boolean | null;
  /** Its crossings lie beyond the quotes alone. */
  is_free_where_quoted: boolean | null;
  crossings: number;
  grid: Grid;
}

export type Kind = "call" | "put" | "future" | "stock";

export interface Leg {
  kind: Kind;
  side: "buy" | "sell";
  lots: number;
  strike: number | null;
  /** Null stands for the page's. */
  expiry: string | null;
  /** Null stands for the chain's. */
  price: number | null;
}

export interface Greeks {
  delta: Num;
  gamma: Num;
  theta: Num;
  vega: Num;
}

export interface PricedLeg extends Leg, Greeks {
  iv: Num;
}

export interface PayoffPoint {
  spot: number;
  now: Num;
  expiry: Num;
}

export interface Payoff {
  legs: PricedLeg[];
  lot_size: Num;
  cost: Num;
  max_profit: Num;
  max_loss: Num;
  is_profit_unlimited: boolean;
  is_loss_unlimited: boolean;
  break_evens: number[];
  /** Read from a grid: legs end on different days. */
  is_numeric: boolean;
  /** Gain or loss with everything moved as asked. */
  moved_profit: Num;
  /** Percentage points. */
  probability_of_profit: Num;
  probability_model: string;
  margin: Num;
  margin_model: string;
  greeks: Greeks;
  points: PayoffPoint[];
  words: string[];
}

export interface Strategy {
  name: string;
  title: string;
  /** What it is, in a sentence. */
  text: string;
  legs: Leg[];
  max_profit: Num;
  max_loss: Num;
  break_evens: number[];
  probability_of_profit: Num;
  cost: Num;
}

/** Positions with a name that the server makes of a chain's contracts. */
export interface Preset {
  name: string;
  title: string;
  text: string;
  view: string;
  is_defined_risk: boolean;
}

export interface Examples {
  items: Strategy[];
  /** Why there are fewer than three. */
  why: string | null;
}

export interface WhatIf {
  spot_pct: number;
  iv_points: number;
  days: number;
}
