/** The formatters bound to the reader's choices. */
import { useMemo } from "react";
import { usePrefs } from "@/shared/prefs/prefs";
import * as numbers from "./numbers";
import * as time from "./time";

let exchangeZone = "Asia/Kolkata";

/** The zone of the current source's exchange; the shell sets it from the session. */
export function setExchangeZone(zone: string): void {
  if (zone) exchangeZone = zone;
}

export function resolveZone(chosen: string): string {
  return chosen === "exchange" ? exchangeZone : chosen;
}

export interface Formats {
  zone: string;
  zoneWord: string;
  price: (value: numbers.Numeric, tick?: numbers.Numeric) => string;
  signed: (value: numbers.Numeric, digits?: number) => string;
  percent: (value: numbers.Numeric, options?: { sign?: boolean; digits?: number }) => string;
  count: (value: numbers.Numeric) => string;
  number: (value: numbers.Numeric, maximum?: number, minimum?: number) => string;
  compact: (value: numbers.Numeric) => string;
  money: (value: numbers.Numeric, currency?: string) => string;
  clock: (value: time.Instant, seconds?: boolean) => string;
  day: (value: time.Instant) => string;
  dayShort: (value: time.Instant) => string;
  full: (value: time.Instant) => string;
  ago: (value: time.Instant, now: number) => string;
}

export function useFormats(): Formats {
  const locale = usePrefs((prefs) => prefs.numbers);
  const zone = resolveZone(usePrefs((prefs) => prefs.zone));
  return useMemo(
    () => ({
      zone,
      zoneWord: time.zoneWord(zone),
      price: (value, tick) => numbers.price(value, locale, tick),
      signed: (value, digits) => numbers.signed(value, locale, digits),
      percent: (value, options) => numbers.percent(value, locale, options),
      count: (value) => numbers.count(value, locale),
      number: (value, maximum, minimum) => numbers.number(value, locale, maximum, minimum),
      compact: (value) => numbers.compact(value, locale),
      money: (value, currency) => numbers.money(value, locale, currency),
      clock: (value, seconds) => time.clock(value, zone, seconds),
      day: (value) => time.day(value, zone),
      dayShort: (value) => time.dayShort(value, zone),
      full: (value) => time.full(value, zone),
      ago: (value, now) => time.ago(value, now, zone),
    }),
    [locale, zone],
  );
}
