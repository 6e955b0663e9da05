/** From REST bars to what a chart draws, and prices on their step. Pure. */
import type { Bar } from "@/shared/api/types";
import { decimalsOf, isKnown } from "@/shared/format/numbers";
import { toMillis } from "@/shared/format/time";

export interface Candle {
  /** Start, whole seconds since 1970 UTC. */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export function candlesOf(bars: readonly Bar[]): Candle[] {
  const found: Candle[] = [];
  for (const bar of bars) {
    const start = toMillis(bar.start);
    if (start === null || !isKnown(bar.close)) continue;
    const close = Number(bar.close);
    found.push({
      time: Math.floor(start / 1000),
      // Files that carry only closes give bars without the other three.
      open: isKnown(bar.open) ? Number(bar.open) : close,
      high: isKnown(bar.high) ? Number(bar.high) : close,
      low: isKnown(bar.low) ? Number(bar.low) : close,
      close,
      volume: Number(bar.volume ?? 0),
    });
  }
  found.sort((a, b) => a.time - b.time);
  return found.filter((bar, index) => index === found.length - 1 || bar.time !== found[index + 1]?.time);
}

/** The newest start that is not after `at`; null where all are. */
export function floorTo(starts: readonly number[], at: number): number | null {
  let found: number | null = null;
  for (const start of starts) {
    if (start > at) break;
    found = start;
  }
  return found;
}

/** A price on its step: 1490.53 at 0.05 → "1490.55". Decimal text, so nothing is lost on its way. */
export function onStep(price: number, tick: number | string | null | undefined): string {
  const step = Number(tick) > 0 ? Number(tick) : 0.01;
  return (Math.round(price / step) * step).toFixed(decimalsOf(step));
}
