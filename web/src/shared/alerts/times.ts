/** How long: presets, the end of a day, and a wall time of the reader's zone as an instant. Pure. */
import type { Long } from "@/shared/api/delivery";

const wallParts = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
  let found = wallParts.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    wallParts.set(zone, found);
  }
  return found;
}

/** What the zone's clock shows, as milliseconds of a UTC clock that shows the same. */
function wall(at: number, zone: string): number {
  const parts = Object.fromEntries(
    formatter(zone)
      .formatToParts(at)
      .map((part) => [part.type, part.value]),
  );
  return Date.UTC(
    Number(parts.year),
    Number(parts.month) - 1,
    Number(parts.day),
    Number(parts.hour),
    Number(parts.minute),
    Number(parts.second),
  );
}

/** The instant (ms) at which the zone's clock shows `2026-11-27T10:30`; null where the text is no such time. */
export function instantOf(text: string, zone: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text)) return null;
  const wanted = Date.parse(`${text}Z`);
  if (Number.isNaN(wanted)) return null;
  // Twice: the first guess may lie beyond a change of the clock.
  let at = wanted;
  for (let turn = 0; turn < 2; turn++) at += wanted - wall(at, zone);
  return at;
}

/** `2026-11-27T10:30`: what a field for a local time holds. */
export function wallText(at: number, zone: string): string {
  return new Date(wall(at, zone)).toISOString().slice(0, 16);
}

/** The next midnight of the zone. */
export function endOfDay(now: number, zone: string): number {
  const tomorrow = new Date(Math.floor(wall(now, zone) / DAY) * DAY + DAY);
  return instantOf(tomorrow.toISOString().slice(0, 19), zone) ?? now + DAY;
}

const DAY = 86_400_000;

export type Preset = "15m" | "1h" | "today" | "week";

export const PRESETS: Record<Preset, string> = {
  "15m": "15 minutes",
  "1h": "1 hour",
  today: "the rest of today",
  week: "a week",
};

export function longOf(preset: Preset, now: number, zone: string): Long {
  switch (preset) {
    case "15m":
      return { for_s: 900 };
    case "1h":
      return { for_s: 3600 };
    case "today": {
      const end = endOfDay(now, zone);
      // In the last minute of a day the rest of it is no time at all.
      return { until: new Date(Math.max(end, now + 60_000)).toISOString() };
    }
    case "week":
      return { for_s: 7 * 86_400 };
  }
}

/** The same as an instant, ISO. */
export function untilOf(long: Long, now: number): string {
  return "until" in long ? long.until : new Date(now + long.for_s * 1000).toISOString();
}
