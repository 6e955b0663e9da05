/** Stored moments: which day is played, and where in it one stands. Pure. */
import { type Instant, toMillis } from "@/shared/format/time";
import type { Expiry, When } from "./types";

const DAY_MS = 86_400_000;

/** The UTC day of a moment, as ISO; "" unknown. Sessions in India and New York lie within one, in summer and winter. */
export function dayOf(moment: Instant): { from: string; to: string } {
  const millis = toMillis(moment);
  if (millis === null) return { from: "", to: "" };
  const start = Math.floor(millis / DAY_MS) * DAY_MS;
  return { from: new Date(start).toISOString(), to: new Date(start + DAY_MS).toISOString() };
}

/** Expiries that had not passed when the newest chain was captured, so that a recorded day shows its own; all else. */
export function standing(expiries: readonly Expiry[]): readonly Expiry[] {
  const newest = Math.max(0, ...expiries.map((one) => toMillis(one.as_of) ?? 0));
  const day = newest > 0 ? new Date(newest).toISOString().slice(0, 10) : "";
  const found = expiries.filter((one) => one.expiry >= day);
  return found.length > 0 ? found : expiries;
}

/** The last moment at or before `at`; the newest where `at` is not given. -1 of none. */
export function atMoment(times: readonly When[], at: Instant): number {
  const millis = toMillis(at);
  if (millis === null) return times.length - 1;
  return times.findLastIndex((one) => (toMillis(one) ?? Number.POSITIVE_INFINITY) <= millis);
}

const DAYS = { "1D": 1, "5D": 7, "1M": 31, "3M": 92 } as const;
export type Period = keyof typeof DAYS;
export const PERIODS = Object.keys(DAYS) as Period[];

/** The period that ends with `moment`, to the next whole minute so that a question is asked once a minute at most. */
export function periodOf(period: Period, moment: Instant): { from: string; to: string } {
  const millis = toMillis(moment);
  if (millis === null) return { from: "", to: "" };
  const end = Math.floor(millis / 60_000) * 60_000 + 60_000;
  const start = period === "1D" ? Date.parse(dayOf(millis).from) : end - DAYS[period] * DAY_MS;
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}
