/** What a preview's numbers say in words, and its days as bars of a strip. Pure. */
import type { Preview } from "@/shared/api/ruleTypes";

export interface DayBar {
  date: string;
  count: number;
  /** Share of the busiest day, 0 … 1. */
  share: number;
}

export function dayBars(days: Preview["by_day"]): DayBar[] {
  const most = Math.max(1, ...days.map((day) => day.count));
  return days.map(({ date, count }) => ({ date, count, share: count / most }));
}

/** "4 times", "once", "never". */
export function times(count: number, say: (count: number) => string = String): string {
  return count === 0 ? "never" : count === 1 ? "once" : `${say(count)} times`;
}

/** How often that is, as one would say it. */
export function pace(preview: Pick<Preview, "fires" | "per_day" | "by_day">): string {
  if (preview.fires === 0) return "It may be that rare, or the level is far away.";
  const rate = preview.per_day;
  if (rate >= 1.05) return `About ${round(rate)} a day.`;
  const every = Math.round(1 / rate);
  return every <= 1 ? "About one a day." : `About one in ${every} days.`;
}

const round = (rate: number) => (rate < 10 ? String(Math.round(rate * 10) / 10) : String(Math.round(rate)));

/** Markers of one instrument as seconds, the newest last. */
export function marksOf(preview: Preview, instrument: string): { time: number; event: string }[] {
  return preview.markers
    .filter((marker) => marker.instrument === instrument)
    .map((marker) => ({ time: Math.floor(Date.parse(marker.time ?? "") / 1000), event: marker.event }))
    .filter((mark) => Number.isFinite(mark.time))
    .sort((a, b) => a.time - b.time);
}

export interface Fired {
  instrument: string;
  symbol: string;
  count: number;
}

/** Instruments by how often they fired among the markers; the most first. */
export function firedBy(preview: Preview): Fired[] {
  const found = new Map<string, Fired>();
  for (const { instrument, symbol } of preview.markers) {
    const one = found.get(instrument) ?? { instrument, symbol, count: 0 };
    one.count += 1;
    found.set(instrument, one);
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.symbol.localeCompare(b.symbol));
}
