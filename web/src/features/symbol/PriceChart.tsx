/**
 * Candles or line with volume, the forming bar, alert lines and fired marks.
 *
 * History goes in by one `setData`; after that the live row moves the last bar at most eight times a second.
 */
import {
  AreaSeries,
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesType,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { Plus } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { type Candle, onStep } from "@/shared/chart/candles";
import { axisWord, type Look, readLook, useScheme } from "@/shared/chart/look";
import { decimalsOf, isKnown } from "@/shared/format/numbers";
import * as time from "@/shared/format/time";
import { type Formats, useFormats } from "@/shared/format/use";
import { quotes, rooms } from "@/shared/live/hooks";
import type { Value } from "@/shared/live/quotes";
import { usePrefs } from "@/shared/prefs/prefs";
import { Skeleton } from "@/shared/ui/Panel";
import { AlertLines, type Level } from "./alertLines";
import { candleOf, closedOf, formingOf } from "./bars";
import { putBar } from "./lateBar";
import { useLineDraft } from "./lineDraft";
import { type Mark, marksOfBars } from "./marks";
import classes from "./PriceChart.module.css";
import { pointsOf } from "./series";
import { useLineDrag } from "./useLineDrag";
import { type StudyLine, useStudyLines } from "./useStudyLines";

interface Props {
  instrument: string;
  symbol: string;
  candles: Candle[];
  timeframe: string;
  /** How many bars the chosen range shows. */
  shown: number;
  kind: "candles" | "line";
  tick: string | number | null;
  levels: Level[];
  marks: Mark[];
  summary: string;
  lines: StudyLine[];
  /** The set of series whose newest points the live room tells. */
  request: string | null;
  /** The set begins with the bar itself: open, high, low, close, volume. */
  hasBars: boolean;
  /** How many panes lie below the price. */
  panes: number;
  /** What the lines say at a bar (its start in seconds), at the newest one where that is null. */
  onValues: (values: Map<string, number | null>, at: number | null) => void;
  onCreateAt: (price: string) => void;
  /** An alert line was dropped at another price. */
  onMove: (uid: string, price: number) => void;
  onKey: (event: KeyboardEvent) => void;
}

const EVERY_MS = 125;

export function PriceChart(props: Props) {
  const { instrument, candles, timeframe, shown, kind, tick, levels, marks, summary } = props;
  const { lines: studyLines, request, hasBars, onValues } = props;
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<IChartApi | null>(null);
  const price = useRef<ISeriesApi<SeriesType> | null>(null);
  const volume = useRef<ISeriesApi<"Histogram"> | null>(null);
  const marker = useRef<ISeriesMarkersPluginApi<Time> | null>(null);
  const alerts = useRef<AlertLines | null>(null);
  const last = useRef<Candle | undefined>(undefined);
  const [plus, setPlus] = useState<{ y: number; price: string } | null>(null);
  const held = useRef(false);
  const crosshair = useRef<number | null>(null);
  const [made, setMade] = useState(0);
  const studies = useStudyLines(chart, box, made, studyLines);
  const isIntraday = !/[dwo]$/.test(timeframe);
  const formats = useFormats();
  const { palette, theme, density } = usePrefs();
  const scheme = useScheme();
  const draft = useLineDraft();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the look's choices rebuild the chart, their values are read from CSS
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const look = readLook(node);
    const built = createChart(node, {
      autoSize: true,
      layout: {
        background: { color: "transparent" },
        textColor: look.text,
        fontFamily: look.font,
        fontSize: 12,
        attributionLogo: true,
        panes: { separatorColor: look.line },
      },
      grid: { vertLines: { color: look.grid }, horzLines: { color: look.grid } },
      rightPriceScale: { borderColor: look.line, scaleMargins: { top: 0.08, bottom: 0.24 } },
      timeScale: {
        borderColor: look.line,
        timeVisible: isIntraday,
        secondsVisible: false,
        rightOffset: 4,
        minBarSpacing: 0.4,
        tickMarkFormatter: (at: Time, type: number) => axisWord(Number(at), type, formats.zone),
      },
      crosshair: {
        vertLine: { color: look.cross, labelBackgroundColor: look.label },
        horzLine: { color: look.cross, labelBackgroundColor: look.label },
      },
      localization: {
        priceFormatter: (value: number) => formats.price(value, tick),
        timeFormatter: (at: Time) =>
          isIntraday ? time.full(Number(at) * 1000, formats.zone) : time.day(Number(at) * 1000, formats.zone),
      },
    });
    const digits = decimalsOf(tick);
    const format = {
      type: "price" as const,
      precision: Math.max(2, digits),
      minMove: Number(tick) > 0 ? Number(tick) : 0.01,
    };
    const main =
      kind === "candles"
        ? built.addSeries(CandlestickSeries, {
            upColor: look.up,
            borderUpColor: look.up,
            wickUpColor: look.up,
            downColor: look.down,
            borderDownColor: look.down,
            wickDownColor: look.down,
            priceFormat: format,
            priceLineColor: look.cross,
          })
        : built.addSeries(AreaSeries, {
            lineColor: look.text1,
            topColor: `color-mix(in srgb, ${look.text1} 16%, transparent)`,
            bottomColor: "transparent",
            lineWidth: 2,
            priceFormat: format,
            priceLineColor: look.cross,
          });
    const bars = built.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "custom", formatter: (value: number) => formats.compact(value), minMove: 1 },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    built.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    chart.current = built;
    price.current = main as ISeriesApi<SeriesType>;
    volume.current = bars;
    marker.current = createSeriesMarkers(main, []) as ISeriesMarkersPluginApi<Time>;
    alerts.current = new AlertLines(look, (value) => formats.price(value, tick));
    main.attachPrimitive(alerts.current);
    built.subscribeCrosshairMove((event) => {
      const bar = event.point && event.time !== undefined ? Number(event.time) : null;
      if (bar !== crosshair.current) {
        crosshair.current = bar;
        onValues(studies.read(bar), bar);
      }
      if (held.current) return;
      if (useLineDraft.getState().isDragged) {
        setPlus(null);
        return;
      }
      const value = event.point ? main.coordinateToPrice(event.point.y) : null;
      const isOnPrice = event.paneIndex === undefined || event.paneIndex === 0;
      setPlus(
        event.point && isOnPrice && value !== null ? { y: event.point.y, price: onStep(value, tick) } : null,
      );
    });
    setMade((count) => count + 1);
    return () => {
      chart.current = null;
      price.current = null;
      alerts.current = null;
      built.remove();
    };
  }, [kind, timeframe, tick, palette, theme, density, scheme, formats]);

  const put = useCallback(
    (candle: Candle, look: Look) => {
      const series = price.current;
      if (!series) return;
      const start = candle.time as UTCTimestamp;
      const old = last.current !== undefined && candle.time < last.current.time;
      if (kind === "candles") putBar(series as ISeriesApi<"Candlestick">, { ...candle, time: start }, old);
      else putBar(series as ISeriesApi<"Area">, { time: start, value: candle.close }, old);
      if (volume.current)
        putBar(
          volume.current,
          {
            time: start,
            value: candle.volume,
            color: candle.close >= candle.open ? look.upSoft : look.downSoft,
          },
          old,
        );
      if (!old) last.current = candle;
    },
    [kind],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt chart needs its history again
  useEffect(() => {
    const node = box.current;
    const series = price.current;
    if (!node || !series || !volume.current) return;
    const look = readLook(node);
    if (kind === "candles")
      (series as ISeriesApi<"Candlestick">).setData(
        candles.map((bar) => ({ ...bar, time: bar.time as UTCTimestamp })),
      );
    else
      (series as ISeriesApi<"Area">).setData(
        candles.map((bar) => ({ time: bar.time as UTCTimestamp, value: bar.close })),
      );
    volume.current.setData(
      candles.map((bar) => ({
        time: bar.time as UTCTimestamp,
        value: bar.volume,
        color: bar.close >= bar.open ? look.upSoft : look.downSoft,
      })),
    );
    last.current = candles[candles.length - 1];
    const forming = formingOf(quotes.get(instrument), timeframe, last.current);
    if (forming) put(forming, look);
  }, [candles, kind, timeframe, instrument, put, palette, theme, density, scheme, formats, tick]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines have new values to say
  useEffect(() => onValues(studies.read(crosshair.current), crosshair.current), [studyLines, made, onValues]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the range is shown again when it, the bars' number or the chart change
  useEffect(() => {
    const total = candles.length;
    if (!chart.current || total === 0) return;
    chart.current.timeScale().setVisibleLogicalRange({ from: Math.max(-0.5, total - shown), to: total + 3 });
  }, [shown, timeframe, instrument, kind, candles.length > 0, palette, scheme, formats]);

  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const look = readLook(node);
    let waiting: ReturnType<typeof setTimeout> | null = null;
    let drawn = "";
    let closed: unknown = null;
    let told: unknown = null;
    const draw = () => {
      waiting = null;
      const { bars, series } = rooms.state(`instrument:${instrument}`).data;
      if (series !== told) {
        told = series;
        for (const point of pointsOf(series, request)) {
          studies.put(point.time, point.values);
          const bar = hasBars ? candleOf(point.time, point.values) : null;
          if (bar && last.current) put(bar, look);
        }
        if (crosshair.current === null) onValues(studies.read(null), null);
      }
      if (timeframe === "1m" && bars !== closed) {
        closed = bars;
        for (const bar of closedOf(bars)) if (last.current) put(bar, look);
      }
      const forming = formingOf(quotes.get(instrument), timeframe, last.current);
      if (!forming) return;
      const sign = JSON.stringify(forming);
      if (sign === drawn) return;
      drawn = sign;
      put(forming, look);
    };
    const silence = quotes.listen(instrument, () => {
      if (waiting === null) waiting = setTimeout(draw, document.hidden ? 1000 : EVERY_MS);
    });
    return () => {
      silence();
      if (waiting !== null) clearTimeout(waiting);
    };
  }, [instrument, timeframe, put, request, hasBars, studies.put, studies.read, onValues]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt chart needs its lines again
  useEffect(() => {
    const now = quotes.get(instrument).close;
    alerts.current?.show(
      levels,
      draft.uid === null
        ? null
        : { uid: draft.uid, price: draft.price, words: farWords(draft.price, now, formats) },
    );
  }, [levels, draft, made, instrument, formats]);

  const wrapper = useRef<HTMLDivElement>(null);
  useLineDrag({ wrapper, chart, price, alerts, tick, onMove: props.onMove });

  // biome-ignore lint/correctness/useExhaustiveDependencies: a rebuilt chart needs its marks again
  useEffect(() => {
    const node = box.current;
    if (!node || !marker.current) return;
    const look = readLook(node);
    const starts = candles.map((bar) => bar.time);
    marker.current.setMarkers(
      marksOfBars(marks, starts).map((mark) => ({
        time: mark.time as UTCTimestamp,
        position: mark.above ? ("aboveBar" as const) : ("belowBar" as const),
        shape: mark.above ? ("arrowDown" as const) : ("arrowUp" as const),
        color: look.accent,
        text: mark.text,
      })),
    );
  }, [marks, candles, kind, timeframe, palette, theme, density, scheme, formats, tick]);

  /** Arrow keys move the crosshair bar by bar, so that values can be read without a pointer. */
  const walk = (event: KeyboardEvent): boolean => {
    const api = chart.current;
    const series = price.current;
    if (!api || !series || event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    const isLeaving = event.key === "Escape" && crosshair.current !== null;
    if (isLeaving) {
      api.clearCrosshairPosition();
      crosshair.current = null;
      onValues(studies.read(null), null);
    } else if (step) {
      const held = crosshair.current;
      const from = held === null ? candles.length : candles.findLastIndex((bar) => bar.time <= held);
      const bar = candles[Math.max(0, Math.min(candles.length - 1, from + step))];
      if (!bar) return false;
      api.setCrosshairPosition(bar.close, bar.time as UTCTimestamp, series);
      const visible = api.timeScale().getVisibleRange();
      if (visible && (bar.time < Number(visible.from) || bar.time > Number(visible.to)))
        api.timeScale().scrollToPosition(api.timeScale().scrollPosition() + step * 10, false);
      crosshair.current = bar.time;
      onValues(studies.read(bar.time), bar.time);
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };

  return (
    <figure className={classes.figure} aria-label={`Chart of ${props.symbol}`}>
      {/* biome-ignore lint/a11y/useSemanticElements: a chart is no fieldset */}
      <div
        ref={wrapper}
        className={classes.chart}
        style={panesStyle(props.panes)}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart takes keys of its own (range, search)
        tabIndex={0}
        role="group"
        aria-label="Chart. Arrows walk the bars, Escape leaves them; brackets change the range; letters search a symbol; the panel's menu shows a table."
        onKeyDown={(event) => !walk(event) && props.onKey(event)}
        onPointerLeave={() => !held.current && setPlus(null)}
      >
        <div ref={box} className={classes.canvas} />
        {plus && (
          <button
            type="button"
            className={classes.plus}
            style={{ top: plus.y - 12 }}
            tabIndex={-1}
            aria-label={`Create an alert at ${formats.price(plus.price, tick)}`}
            onPointerEnter={() => {
              held.current = true;
            }}
            onPointerLeave={() => {
              held.current = false;
              setPlus(null);
            }}
            onClick={() => props.onCreateAt(plus.price)}
          >
            <Plus size={14} aria-hidden />
          </button>
        )}
      </div>
      <figcaption className="sr-only">{summary}</figcaption>
    </figure>
  );
}

/** "+1.32% away" while a line is on its way. */
function farWords(price: number, now: Value | undefined, formats: Formats): string {
  return isKnown(now) ? `${formats.percent((price / Number(now) - 1) * 100)} from the price` : "new level";
}

const panesStyle = (panes: number) => ({ "--mb-panes": panes }) as CSSProperties;

/** The chart's room before there is a chart: the same height, so that nothing jumps. */
export function ChartSpace({ panes }: { panes: number }) {
  return (
    <div className={`${classes.chart} ${classes.space}`} style={panesStyle(panes)}>
      <Skeleton height={0} />
    </div>
  );
}
