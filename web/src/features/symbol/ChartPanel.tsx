import { SegmentedControl, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useCallback, useMemo, useState } from "react";
import { ApiError } from "@/shared/api/client";
import { alertsQuery, barsQuery, rulesQuery } from "@/shared/api/queries";
import type { Bar, Stock } from "@/shared/api/types";
import { type Candle, candlesOf } from "@/shared/chart/candles";
import { RANGE_FACTS, RANGES, type Range } from "@/shared/format/ranges";
import { toMillis } from "@/shared/format/time";
import { type Formats, useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { useQuoteField } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useMarketSession, useSource } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { openCommand } from "@/shared/ui/command";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import type { Level } from "./alertLines";
import { candleOf } from "./bars";
import classes from "./ChartPanel.module.css";
import type { Mark } from "./marks";
import { ChartSpace, PriceChart } from "./PriceChart";
import { StudyBar } from "./StudyBar";
import { type Lines, useSeries } from "./series";
import { isOverPrice, readStudies, type Study, stripesOf, writeStudies } from "./studies";
import { useMoveLine } from "./useMoveLine";
import type { StudyLine } from "./useStudyLines";

const FETCHED = { "1m": 1200, "1d": 5000 } as const;
const FETCHED_ELSE = 600;
const BAR = ["open", "high", "low", "close", "volume"] as const;
/** Intervals beside those that a range brings. */
const INTERVALS = ["5m", "15m", "1h", "1w", "1mo"] as const;
const SHOWN_ELSE = 120;

export function ChartPanel({ stock, onCreateAt }: { stock: Stock; onCreateAt: (level: string) => void }) {
  const search = useSearch({ from: "/symbol/$id" });
  const navigate = useNavigate();
  const formats = useFormats();
  const source = useSource();
  const clock = useMarketClock();
  const range: Range = search.range ?? "1D";
  const facts = RANGE_FACTS[range];
  const interval = INTERVALS.find((one) => one === search.interval);
  const most = interval ? SHOWN_ELSE : facts.bars;
  const words = interval ? `one bar each ${interval}` : facts.words;
  const timeframe: string = interval ?? facts.timeframe;
  const isWide = useShows("intermediate");
  const opens = toMillis(useMarketSession()?.opens_at);
  const query = useQuery({
    ...barsQuery(stock.instrument, facts.timeframe, FETCHED[facts.timeframe]),
    refetchInterval: 30_000,
  });
  const studies = useMemo(() => readStudies(search.studies), [search.studies]);
  const expressions = useMemo(
    () => [
      ...new Set([
        ...(interval ? BAR : []),
        ...studies.flatMap((study) => stripesOf(study).map((stripe) => stripe.expression)),
      ]),
    ],
    [studies, interval],
  );
  const limit = interval ? FETCHED_ELSE : FETCHED[facts.timeframe];
  const series = useSeries(stock.instrument, timeframe, expressions, limit);
  const lines = useMemo(() => linesOf(studies, series, expressions), [studies, series, expressions]);
  const drawn = useMemo(() => lines.flat(), [lines]);
  const [read, setRead] = useState<Reading>(NOTHING);
  const onValues = useCallback(
    (values: Map<string, number | null>, at: number | null) => setRead({ values, at }),
    [],
  );
  const stored = useMemo(() => candlesOf(query.data?.items ?? []), [query.data]);
  const rolled = useMemo(() => (interval ? candlesFrom(series) : []), [interval, series]);
  const candles = interval ? rolled : stored;
  const shown = range === "1D" && !interval ? sessionBars(candles, opens, most) : most;
  const updated = useQuoteField(stock.instrument, "event_time");
  const levels = useLevels(stock.instrument);
  const marks = useMarks(stock.instrument);
  const rules = useQuery(rulesQuery).data;
  const { move } = useMoveLine(stock);
  const onMove = (uid: string, price: number) => {
    const rule = rules?.find((one) => one.rule_uid === uid);
    if (rule) move(rule, price);
  };
  const change = (next: {
    range?: Range;
    chart?: "line" | "table" | undefined;
    interval?: string | undefined;
    studies?: string | undefined;
  }) =>
    void navigate({
      to: "/symbol/$id",
      params: { id: stock.instrument },
      search: (old) => ({ ...old, alert: undefined, ...next }),
      replace: true,
    });

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = RANGES.indexOf(range);
    const step = event.key === "]" ? 1 : event.key === "[" ? -1 : 0;
    const next = step ? RANGES[at + step] : event.key === "1" ? "1D" : event.key === "d" ? "1Y" : undefined;
    if (next) {
      event.preventDefault();
      change({ range: next, interval: undefined });
    } else if (/^[b-z]$/i.test(event.key) && !"gGmM".includes(event.key)) {
      event.preventDefault();
      openCommand(event.key);
    }
  };

  const first = candles[Math.max(0, candles.length - shown)];
  const last = candles[candles.length - 1];
  const high = Math.max(...candles.slice(-shown).map((bar) => bar.high));
  const low = Math.min(...candles.slice(-shown).map((bar) => bar.low));
  const summary =
    first && last
      ? `${stock.symbol}, ${words}: from ${formats.price(first.open, stock.tick_size)} to ${formats.price(last.close, stock.tick_size)}, highest ${formats.price(high, stock.tick_size)}, lowest ${formats.price(low, stock.tick_size)}.`
      : `${stock.symbol}: no bars.`;
  const asTable = search.chart === "table";
  const panes = panesOf(studies, series);

  const state = useFresh(
    stateOf(query, {
      when: candles.length === 0 && !(interval && series.isPending),
      why:
        facts.timeframe === "1d"
          ? "The source has no daily history for this instrument."
          : "No minute has traded yet.",
    }),
  );

  const isWaiting = state.kind === "loading" || (interval !== undefined && series.isPending);

  return (
    <Panel
      title="Price"
      label={`Price of ${stock.symbol}`}
      source={sourceWord(source)}
      asOf={updated ?? query.data?.as_of}
      clock={clock}
      height={440}
      state={state.kind === "loading" && !asTable ? READY : state}
      onRefresh={() => void query.refetch()}
      onTable={() => change({ chart: asTable ? undefined : "table" })}
      asTable={asTable}
      onCsv={() =>
        saveCsv(
          `${stock.symbol}-${timeframe}`,
          ["start", "open", "high", "low", "close", "volume"],
          (query.data?.items ?? []).map((bar) => [
            bar.start,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
          ]),
        )
      }
      tools={
        <div className={classes.tools}>
          {!asTable && (
            <SegmentedControl
              size="xs"
              aria-label="How the price is drawn"
              data={[
                { value: "candles", label: "Candles" },
                { value: "line", label: "Line" },
              ]}
              value={search.chart === "line" ? "line" : "candles"}
              onChange={(value) => change({ chart: value === "line" ? "line" : undefined })}
            />
          )}
          {isWide && !asTable && (
            <Select
              size="xs"
              w={92}
              aria-label="Interval"
              data={[{ value: "", label: "Auto" }, ...INTERVALS.map((one) => ({ value: one, label: one }))]}
              value={interval ?? ""}
              allowDeselect={false}
              onChange={(value) => change({ interval: value || undefined })}
            />
          )}
          <SegmentedControl
            size="xs"
            aria-label="Range"
            data={RANGES.map((one) => ({ value: one, label: one === "ALL" ? "All" : one }))}
            value={range}
            onChange={(value) => change({ range: value as Range, interval: undefined })}
          />
        </div>
      }
      flush={asTable}
    >
      {asTable ? (
        <BarTable stock={stock} bars={query.data?.items ?? []} timeframe={facts.timeframe} />
      ) : (
        <>
          <StudyBar
            studies={studies}
            lines={lines}
            values={read.values}
            at={read.at === null ? null : barWords(read.at, timeframe, formats)}
            error={series.error ? messageOf(series.error) : null}
            onChange={(next) => change({ studies: writeStudies(next) })}
          />
          {isWaiting ? (
            <ChartSpace panes={panes} />
          ) : (
            <PriceChart
              instrument={stock.instrument}
              symbol={stock.symbol}
              candles={candles}
              timeframe={timeframe}
              shown={shown}
              kind={search.chart === "line" ? "line" : "candles"}
              tick={stock.tick_size}
              levels={levels}
              marks={marks}
              summary={summary}
              lines={drawn}
              request={series.request}
              hasBars={interval !== undefined}
              onValues={onValues}
              panes={panes}
              onCreateAt={onCreateAt}
              onMove={onMove}
              onKey={onKey}
            />
          )}
        </>
      )}
    </Panel>
  );
}

interface Reading {
  values: Map<string, number | null>;
  at: number | null;
}

const NOTHING: Reading = { values: new Map(), at: null };
const READY: PanelState = { kind: "ready" };

/** A bar as its start: the day, or the minute of a day. */
function barWords(start: number, timeframe: string, formats: Formats): string {
  const at = start * 1000;
  return /[dwo]$/.test(timeframe)
    ? formats.day(at)
    : `${formats.dayShort(at)}, ${formats.clock(at, false)} ${formats.zoneWord}`;
}

/** Known before the lines are: an expression of one's own gets a pane until the server says that it is a price. */
function panesOf(studies: Study[], series: Lines): number {
  return studies.filter((study) => {
    const first = stripesOf(study)[0];
    return !isOverPrice(study, first && series.lines.get(first.expression)?.type);
  }).length;
}

/** What to draw of each study: over the price, or in the next free pane. */
function linesOf(studies: Study[], series: Lines, expressions: string[]): StudyLine[][] {
  let panes = 0;
  return studies.map((study, at) => {
    const stripes = stripesOf(study);
    const known = stripes.map((stripe) => series.lines.get(stripe.expression));
    if (!known.some((line) => line)) return [];
    const pane = isOverPrice(study, known[0]?.type) ? 0 : ++panes;
    return stripes.flatMap((stripe, place) => {
      const line = known[place];
      if (!line) return [];
      return [
        {
          key: `${at}.${place} ${stripe.expression}`,
          title: stripe.title,
          stroke: stripe.stroke,
          color: stripe.color,
          pane,
          points: line.points,
          at: expressions.indexOf(stripe.expression),
          ...(place === 0 && study.kind?.levels ? { levels: study.kind.levels } : {}),
        },
      ];
    });
  });
}

/** Bars of an interval that is not stored: the server rolls them up. */
function candlesFrom(series: Lines): Candle[] {
  const columns = BAR.map((name) => series.lines.get(name)?.points ?? []);
  return (columns[0] ?? []).flatMap((point, at) => {
    const bar = candleOf(
      point.time,
      columns.map((column) => column[at]?.value ?? null),
    );
    return bar ? [bar] : [];
  });
}

function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "The indicators cannot be reached.";
}

/** The bars of the session that is on, with an hour of context; all of them when it is not known. */
function sessionBars(candles: Candle[], opens: number | null, most: number): number {
  const own = opens === null ? 0 : candles.filter((bar) => bar.time * 1000 >= opens).length;
  return own === 0 ? most : Math.min(most, Math.max(60, own));
}

/** Grey lines of fired alerts: the newest few say where it was, more would cover the bars. */
const MOST_FIRED = 3;

function useLevels(instrument: string): Level[] {
  const { data } = useQuery(rulesQuery);
  return useMemo(() => {
    const levels = (state: Level["state"]): Level[] =>
      (data ?? [])
        .filter((rule) => rule.instrument === instrument && rule.level !== null && rule.state === state)
        .map((rule) => ({
          uid: rule.rule_uid,
          price: Number(rule.level),
          direction: rule.direction === "below" ? "below" : "above",
          state,
        }));
    return [...levels("fired").slice(0, MOST_FIRED), ...levels("armed")];
  }, [data, instrument]);
}

function useMarks(instrument: string): Mark[] {
  const { data } = useQuery(alertsQuery);
  const formats = useFormats();
  const rules = useQuery(rulesQuery).data;
  return useMemo(
    () =>
      (data?.items ?? [])
        .filter((alert) => alert.instrument === instrument)
        .map((alert) => ({
          time: Math.floor((toMillis(alert.event_time) ?? 0) / 1000),
          text: formats.price((alert.values.level ?? alert.values.value) as number),
          above: rules?.find((rule) => rule.rule_uid === alert.rule_uid)?.direction !== "below",
        }))
        .sort((a, b) => a.time - b.time),
    [data, rules, instrument, formats],
  );
}

function BarTable({ stock, bars, timeframe }: { stock: Stock; bars: Bar[]; timeframe: "1m" | "1d" }) {
  const formats = useFormats();
  const price = (id: "open" | "high" | "low" | "close", title: string): Column<Bar> => ({
    id,
    title,
    align: "right",
    value: (bar) => bar[id],
    cell: (bar) => <span className="num">{formats.price(bar[id], stock.tick_size)}</span>,
  });
  const columns: Column<Bar>[] = [
    {
      id: "start",
      title: `Start (${formats.zoneWord})`,
      value: (bar) => Date.parse(bar.start),
      cell: (bar) => (
        <span className="num">
          {timeframe === "1d"
            ? formats.day(bar.start)
            : `${formats.dayShort(bar.start)} ${formats.clock(bar.start, false)}`}
          {!bar.is_closed && <span className="dim"> forming</span>}
        </span>
      ),
    },
    price("open", "Open"),
    price("high", "High"),
    price("low", "Low"),
    price("close", "Close"),
    {
      id: "volume",
      title: "Volume",
      align: "right",
      value: (bar) => bar.volume,
      cell: (bar) => <span className="num">{formats.count(bar.volume)}</span>,
    },
    {
      id: "trades",
      title: "Trades",
      align: "right",
      value: (bar) => bar.trades,
      cell: (bar) => <span className="num">{formats.count(bar.trades)}</span>,
    },
  ];
  return (
    <DataTable
      label={`Bars of ${stock.symbol}`}
      rows={bars}
      columns={columns}
      keyOf={(bar) => bar.start}
      sort={{ id: "start", down: true }}
      height={440}
    />
  );
}
