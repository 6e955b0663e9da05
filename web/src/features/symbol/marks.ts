/** Where alerts fired, as marks of the bars that they fired in. */
import { floorTo } from "@/shared/chart/candles";

export interface Mark {
  /** Seconds since 1970 UTC. */
  time: number;
  text: string;
  above: boolean;
}

/**
 * One mark for each bar, side and text, with how often: a rule that fires at every tick would bury its candle.
 * `starts` are the bars' starts in order; what lies before the first is left out.
 */
export function marksOfBars(marks: Mark[], starts: number[]): Mark[] {
  const found = new Map<string, { mark: Mark; times: number }>();
  for (const mark of marks) {
    const time = floorTo(starts, mark.time);
    if (time === null) continue;
    const key = `${time}/${mark.above}/${mark.text}`;
    const held = found.get(key);
    if (held) held.times += 1;
    else found.set(key, { mark: { ...mark, time }, times: 1 });
  }
  return [...found.values()].map(({ mark, times }) =>
    times > 1 ? { ...mark, text: `${mark.text} \u00d7${times}` } : mark,
  );
}
