/** Scales of a plot: what goes where, where the ticks stand, how a line is drawn around what is unknown. Pure. */

export interface Span {
  low: number;
  high: number;
}

/** The span of what is known, widened by `pad` of itself; never empty. Null where nothing is known. */
export function spanOf(values: Iterable<number | null>, pad = 0): Span | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return null;
  if (low === high) {
    const half = Math.abs(low) * 0.05 || 1;
    return { low: low - half, high: high + half };
  }
  const more = (high - low) * pad;
  return { low: low - more, high: high + more };
}

/** Round steps of 1, 2, 2.5 or 5 times a power of ten: about `count` of them inside the span. */
export function ticks({ low, high }: Span, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((one) => one * power >= rough * 0.999) ?? 10) * power;
  const digits = Math.max(0, Math.ceil(-Math.log10(step)) + 1);
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1)
    found.push(Number((at * step).toFixed(Math.min(12, digits))) + 0);
  return found;
}

/** Decimals that ticks need to be told apart. */
export function decimalsOf(places: readonly number[]): number {
  const [first, second] = places;
  if (first === undefined || second === undefined) return 0;
  const step = second - first;
  for (let digits = 0; digits < 8; digits += 1)
    if (Math.abs(step - Number(step.toFixed(digits))) < step * 1e-6) return digits;
  return 8;
}

/** From values to pixels. */
export function linear({ low, high }: Span, from: number, to: number): (value: number) => number {
  const slope = (to - from) / (high - low);
  return (value) => from + (value - low) * slope;
}

export type Dot = readonly [x: number, y: number | null];

/** An SVG path through what is known; a gap stays a gap. */
export function pathOf(
  dots: readonly Dot[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let pen = false;
  for (const [at, value] of dots) {
    if (value === null) {
      pen = false;
      continue;
    }
    path += `${pen ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = true;
  }
  return path;
}

/** The index of the value nearest to `at` in a rising list; -1 of none. */
export function nearest(rising: readonly number[], at: number): number {
  if (rising.length === 0) return -1;
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const above = rising[low] ?? 0;
  const below = rising[low - 1];
  return below !== undefined && at - below <= above - at ? low - 1 : low;
}

/** Where a line with these dots stands at `at`, straight between its neighbours; null outside of them. */
export function valueAt(dots: readonly Dot[], at: number): number | null {
  for (let index = 0; index < dots.length; index += 1) {
    const [x, y] = dots[index] ?? [0, null];
    if (x === at) return y;
    const next = dots[index + 1];
    if (!next || at < x || at > next[0] || y === null || next[1] === null) continue;
    if (at === next[0]) return next[1];
    return y + ((at - x) / (next[0] - x)) * (next[1] - y);
  }
  return null;
}

/**
 * Moments on an axis that skips the hours without a market: a gap longer than `most` takes the room of `most`.
 * Rising milliseconds to rising positions, both from 0.
 */
export function squeeze(moments: readonly number[], most: number): number[] {
  const found: number[] = [];
  let at = 0;
  for (let index = 0; index < moments.length; index += 1) {
    const before = moments[index - 1];
    if (before !== undefined) at += Math.min(most, (moments[index] ?? before) - before);
    found.push(at);
  }
  return found;
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 1440].map((minutes) => minutes * MINUTE);

/** Which of rising moments begin a round stretch of time: at most `most` of them, by index. `offset` is the zone's, ms. */
export function roundMoments(moments: readonly number[], most: number, offset: number): number[] {
  for (const step of STEPS) {
    const found: number[] = [];
    for (let index = 1; index < moments.length; index += 1) {
      const before = Math.floor(((moments[index - 1] ?? 0) + offset) / step);
      if (Math.floor(((moments[index] ?? 0) + offset) / step) !== before) found.push(index);
    }
    if (found.length <= most) return found;
  }
  // Longer than days: evenly among them.
  const each = Math.ceil(moments.length / most);
  return moments.map((_, index) => index).filter((index) => index % each === 0);
}
