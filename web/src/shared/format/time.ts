/** Times: UTC on the wire, shown in the exchange's zone unless the reader chose another; the zone is named. */

export type Instant = string | number | null | undefined;

const ZONE_WORDS: Record<string, string> = {
  "Asia/Kolkata": "IST",
  "America/New_York": "New York",
  "Europe/London": "London",
  UTC: "UTC",
};

/** ISO text, milliseconds, or nanoseconds (live frames) to milliseconds. Null when it is no time. */
export function toMillis(value: Instant): number | null {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "number") {
    if (!Number.isFinite(value) || value <= 0) return null;
    if (value > 1e16) return value / 1e6;
    return value > 1e11 ? value : value * 1000;
  }
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? null : parsed;
}

export function zoneWord(zone: string): string {
  return ZONE_WORDS[zone] ?? zone.split("/").pop()?.replace("_", " ") ?? zone;
}

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
    cache.set(key, found);
  }
  return found;
}

function render(value: Instant, zone: string, options: Intl.DateTimeFormatOptions): string {
  const millis = toMillis(value);
  return millis === null ? "—" : formatter(zone, options).format(millis);
}

export function clock(value: Instant, zone: string, seconds = true): string {
  return render(value, zone, { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) });
}

export function day(value: Instant, zone: string): string {
  return render(value, zone, { day: "numeric", month: "short", year: "numeric" });
}

export function dayShort(value: Instant, zone: string): string {
  return render(value, zone, { day: "numeric", month: "short" });
}

export function monthYear(value: Instant, zone: string): string {
  return render(value, zone, { month: "short", year: "numeric" });
}

/** "28 Apr 2021, 09:15:03 IST" */
export function full(value: Instant, zone: string): string {
  if (toMillis(value) === null) return "—";
  return `${day(value, zone)}, ${clock(value, zone)} ${zoneWord(zone)}`;
}

/** Seconds in words: 0.4 → "now", 12 → "12 s", 75 → "1 min 15 s", 4000 → "1 h 6 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "—";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** Relative under one hour, the clock after that, the date after a day. `now` and `value` share a clock. */
export function ago(value: Instant, now: number, zone: string): string {
  const millis = toMillis(value);
  if (millis === null) return "—";
  const seconds = (now - millis) / 1000;
  if (seconds < 1) return "just now";
  if (seconds < 3600) return `${duration(seconds < 60 ? seconds : Math.floor(seconds / 60) * 60)} ago`;
  if (seconds < 86_400) return `${clock(millis, zone, false)} ${zoneWord(zone)}`;
  return dayShort(millis, zone);
}
