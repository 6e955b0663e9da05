/** Draws the lines of indicators into a chart: over the price, or in panes of their own below it. */
import {
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  LineStyle,
  LineType,
  type UTCTimestamp,
} from "lightweight-charts";
import { type RefObject, useCallback, useEffect, useRef } from "react";
import { putBar } from "./lateBar";
import type { Point } from "./series";
import type { Hue, Stroke } from "./studies";

export interface StudyLine {
  key: string;
  title: string;
  stroke: Stroke;
  color: Hue;
  /** 0 lies over the price. */
  pane: number;
  points: Point[];
  levels?: number[];
  /** Its place among the values of the set that the live room tells. */
  at: number;
}

interface Drawn {
  series: ISeriesApi<"Line"> | ISeriesApi<"Histogram">;
  at: number;
  last: number;
}

const HUES: Record<Hue, string> = {
  accent: "--mb-accent",
  blue: "--mb-blue",
  orange: "--mb-orange",
  green: "--mb-green",
  red: "--mb-red",
  quiet: "--mb-line-strong",
};

export const hueVariable = (hue: Hue) => `var(${HUES[hue]})`;

/**
 * `made` changes when the chart is built anew. Returns how to put in newer values, and what the lines say at a
 * bar (seconds; the newest where null).
 */
export function useStudyLines(
  chart: RefObject<IChartApi | null>,
  box: RefObject<HTMLElement | null>,
  made: number,
  lines: StudyLine[],
) {
  const drawn = useRef(new Map<string, Drawn>());
  const sign = useRef("");

  useEffect(() => {
    const api = chart.current;
    const node = box.current;
    if (!api || !node) return;
    const now = `${made}/${lines.map((one) => `${one.key}:${one.pane}:${one.color}:${one.stroke}`).join("/")}`;
    if (now !== sign.current) {
      if (sign.current.split("/")[0] === String(made))
        for (const old of drawn.current.values()) api.removeSeries(old.series);
      drawn.current = new Map();
      sign.current = now;
      const style = getComputedStyle(node);
      for (const one of lines) drawn.current.set(one.key, draw(api, one, style));
      api.panes().forEach((pane, at) => {
        pane.setStretchFactor(at === 0 ? 3 : 1);
      });
    }
    for (const one of lines) {
      const held = drawn.current.get(one.key);
      if (!held) continue;
      held.at = one.at;
      held.series.setData(
        one.points.map(({ time, value }) =>
          value === null ? { time: time as UTCTimestamp } : { time: time as UTCTimestamp, value },
        ),
      );
      held.last = one.points[one.points.length - 1]?.time ?? 0;
    }
  }, [chart, box, made, lines]);

  const put = useCallback((time: number, values: (number | null)[]) => {
    for (const held of drawn.current.values()) {
      const value = values[held.at];
      if (value === undefined) continue;
      const at = time as UTCTimestamp;
      putBar(
        held.series as ISeriesApi<"Line">,
        value === null ? { time: at } : { time: at, value },
        time < held.last,
      );
      held.last = Math.max(held.last, time);
    }
  }, []);

  const read = useCallback((time: number | null): Map<string, number | null> => {
    const found = new Map<string, number | null>();
    for (const [key, held] of drawn.current) {
      const data = held.series.data();
      let value: number | null = null;
      for (let at = data.length - 1; at >= 0; at -= 1) {
        const bar = data[at];
        if (!bar || (time !== null && Number(bar.time) > time)) continue;
        value = "value" in bar && typeof bar.value === "number" ? bar.value : null;
        break;
      }
      found.set(key, value);
    }
    return found;
  }, []);

  return { put, read };
}

function draw(api: IChartApi, one: StudyLine, style: CSSStyleDeclaration): Drawn {
  const color = style.getPropertyValue(HUES[one.color]).trim();
  const quiet = { lastValueVisible: false, priceLineVisible: false, color };
  const series =
    one.stroke === "histogram"
      ? api.addSeries(HistogramSeries, quiet, one.pane)
      : api.addSeries(
          LineSeries,
          {
            ...quiet,
            lineWidth: one.color === "quiet" ? 1 : 2,
            lineType: LineType.Simple,
            lineVisible: one.stroke === "line",
            pointMarkersVisible: one.stroke === "dots",
            crosshairMarkerVisible: false,
            ...(one.pane > 0 ? { priceFormat: { type: "price" as const, precision: 2, minMove: 0.01 } } : {}),
          },
          one.pane,
        );
  for (const price of one.levels ?? [])
    series.createPriceLine({
      price,
      color: style.getPropertyValue("--mb-line-strong").trim(),
      lineWidth: 1,
      lineStyle: LineStyle.Dotted,
      axisLabelVisible: false,
      title: "",
    });
  return { series, at: one.at, last: 0 };
}
