/** Daily candles of one instrument with a mark where the rule would have told. Loaded when there is one to show. */
import { useQuery } from "@tanstack/react-query";
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useMemo, useRef } from "react";
import { barsQuery } from "@/shared/api/queries";
import { candlesOf, floorTo } from "@/shared/chart/candles";
import { axisWord, readLook, useScheme } from "@/shared/chart/look";
import { decimalsOf } from "@/shared/format/numbers";
import * as time from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { usePrefs } from "@/shared/prefs/prefs";
import { Skeleton } from "@/shared/ui/Panel";
import { times } from "./preview";
import classes from "./rules.module.css";

interface Props {
  instrument: string;
  symbol: string;
  tick: string | number | null | undefined;
  marks: { time: number; event: string }[];
  /** First day looked at, ISO; bars before it are context. */
  from: string | null;
  to: string | null;
}

const CONTEXT_BARS = 15;

export default function PreviewChart({ instrument, symbol, tick, marks, from, to }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const formats = useFormats();
  const scheme = useScheme();
  const { palette, theme } = usePrefs();
  const query = useQuery(barsQuery(instrument, "1d", 5000));
  const candles = useMemo(() => candlesOf(query.data?.items ?? []), [query.data]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the look's choices rebuild the chart, their values are read from CSS
  useEffect(() => {
    const node = box.current;
    if (!node || candles.length === 0) return;
    const look = readLook(node);
    const chart = createChart(node, {
      autoSize: true,
      layout: {
        background: { color: "transparent" },
        textColor: look.text,
        fontFamily: look.font,
        fontSize: 11,
        attributionLogo: true,
      },
      grid: { vertLines: { visible: false }, horzLines: { color: look.grid } },
      rightPriceScale: { borderColor: look.line, scaleMargins: { top: 0.14, bottom: 0.1 } },
      timeScale: {
        borderColor: look.line,
        minBarSpacing: 0.4,
        tickMarkFormatter: (at: Time, type: number) => axisWord(Number(at), type, formats.zone),
      },
      crosshair: {
        vertLine: { color: look.cross, labelBackgroundColor: look.label },
        horzLine: { color: look.cross, labelBackgroundColor: look.label },
      },
      handleScale: { mouseWheel: false },
      handleScroll: { mouseWheel: false },
      localization: {
        priceFormatter: (value: number) => formats.price(value, tick),
        timeFormatter: (at: Time) => time.day(Number(at) * 1000, formats.zone),
      },
    });
    const series = chart.addSeries(CandlestickSeries, {
      upColor: look.up,
      borderUpColor: look.up,
      wickUpColor: look.up,
      downColor: look.down,
      borderDownColor: look.down,
      wickDownColor: look.down,
      priceLineVisible: false,
      lastValueVisible: false,
      priceFormat: {
        type: "price",
        precision: Math.max(2, decimalsOf(tick)),
        minMove: Number(tick) > 0 ? Number(tick) : 0.01,
      },
    });
    series.setData(candles.map((bar) => ({ ...bar, time: bar.time as UTCTimestamp })));
    const starts = candles.map((bar) => bar.time);
    const counts = new Map<number, number>();
    for (const mark of marks) {
      const start = floorTo(starts, mark.time);
      if (start !== null) counts.set(start, (counts.get(start) ?? 0) + 1);
    }
    createSeriesMarkers(
      series,
      [...counts].map(([start, count]) => ({
        time: start as UTCTimestamp,
        position: "aboveBar" as const,
        shape: "arrowDown" as const,
        color: look.accent,
        text: count > 1 ? String(count) : "",
      })),
    );
    const begins = from === null ? 0 : starts.findIndex((start) => start * 1000 >= Date.parse(from));
    const ends = to === null ? -1 : starts.findLastIndex((start) => start * 1000 <= Date.parse(to));
    chart.timeScale().setVisibleLogicalRange({
      from: Math.max(-0.5, (begins < 0 ? 0 : begins) - CONTEXT_BARS),
      to: (ends < 0 ? starts.length : ends) + 2,
    });
    return () => chart.remove();
  }, [candles, marks, from, to, tick, palette, theme, scheme, formats]);

  if (query.isPending) return <Skeleton height={220} />;
  if (candles.length === 0)
    return <p className="dim">{`The source has no daily bars of ${symbol}: the marks have no chart.`}</p>;
  const newest = marks[marks.length - 1];
  return (
    <figure className={classes.figure}>
      <div ref={box} className={classes.chart} />
      <figcaption className="sr-only">
        {`Daily candles of ${symbol}; it would have told ${times(marks.length)}${newest ? `, last on ${formats.day(newest.time)}` : ""}.`}
      </figcaption>
    </figure>
  );
}
