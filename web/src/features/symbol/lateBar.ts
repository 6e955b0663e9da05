/** A bar that changes after newer ones have come, and may be one that the series never had. */
import type { ISeriesApi, SeriesDataItemTypeMap, SeriesType, Time } from "lightweight-charts";

/** Times in order. The place of `time`, or `-1 - n` where it is missing and would stand at place n. */
export function placeOf(times: ArrayLike<{ time: unknown }>, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(times[middle]?.time) < time) low = middle + 1;
    else high = middle;
  }
  return low < times.length && Number(times[low]?.time) === time ? low : -1 - low;
}

/** `update`, but a bar of the past that the series does not have is put in its place: the chart refuses it. */
export function putBar<T extends SeriesType>(
  series: ISeriesApi<T>,
  bar: SeriesDataItemTypeMap<Time>[T],
  isOld: boolean,
): void {
  const at = isOld ? placeOf(series.data(), Number(bar.time)) : 0;
  if (at >= 0) {
    series.update(bar, isOld);
    return;
  }
  const bars = [...series.data()];
  bars.splice(-1 - at, 0, bar);
  series.setData(bars);
}
