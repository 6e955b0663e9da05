/** One ranked list of the market: live order and values by the room, names and reasons by REST. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { type ListName, listQuery, universeQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { quotes, useQuote } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useMarketList, useSource } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { type Column, DataTable, type Sort } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { LiveChange, LiveCount, LivePrice } from "@/shared/ui/values";
import { Definition } from "./Definition";

interface Kind {
  title: string;
  live: string;
  why: string;
  /** A live column that orders the rows between two lists of the server. */
  sort?: Sort;
  /** The column that says why a row is here; without it the volume. */
  field?: { name: string; title: string; as: "percent" | "number" | "price" };
}

const KINDS: Record<ListName, Kind> = {
  "top-gainers": {
    title: "Top gainers",
    live: "top_gainers",
    why: "Nothing rises yet.",
    sort: { id: "change", down: true },
  },
  "top-losers": {
    title: "Top losers",
    live: "top_losers",
    why: "Nothing falls yet.",
    sort: { id: "change", down: false },
  },
  "most-active": {
    title: "Most active",
    live: "most_active",
    why: "Nothing has traded yet.",
    field: { name: "turnover", title: "Turnover", as: "number" },
  },
  "52-week-high": {
    title: "At 52-week highs",
    live: "high_52w",
    why: "Nothing stands at a 52-week high.",
    field: { name: "high_52w", title: "52w high", as: "price" },
  },
  "52-week-low": {
    title: "At 52-week lows",
    live: "low_52w",
    why: "Nothing stands at a 52-week low.",
    field: { name: "low_52w", title: "52w low", as: "price" },
  },
  "unusual-volume": {
    title: "Unusual volume",
    live: "unusual_volume",
    why: "No minute's volume stands out.",
    field: { name: "volume_spike", title: "σ", as: "number" },
  },
  volatile: {
    title: "Most volatile",
    live: "volatile",
    why: "Volatility needs twenty one-minute bars first.",
    field: { name: "volatility", title: "Volatility", as: "percent" },
  },
  undervalued: {
    title: "Undervalued picks",
    live: "undervalued",
    why: "No company with fundamentals meets the definition.",
    field: { name: "fund.pe", title: "P/E", as: "number" },
  },
};

export function ListPanel({ name, rows, className }: { name: ListName; rows: number; className?: string }) {
  const kind = KINDS[name];
  const query = useQuery(listQuery(name, rows));
  const universe = useQuery(universeQuery);
  const source = useSource();
  const clock = useMarketClock();
  const navigate = useNavigate();
  const live = useMarketList(kind.live);
  useEffect(() => seed(query.data?.items), [query.data]);

  const known = useMemo(() => {
    const all = new Map<string, Stock>();
    for (const stock of universe.data?.items ?? []) all.set(stock.instrument, stock);
    for (const stock of query.data?.items ?? []) all.set(stock.instrument, stock);
    return all;
  }, [universe.data, query.data]);
  const keys = (live ?? query.data?.items.map((stock) => stock.instrument) ?? []).slice(0, rows);
  const stocks = keys.map((key) => known.get(key) ?? stub(key));
  const columns = columnsOf(kind);

  const state = useFresh(stateOf(query, { when: stocks.length === 0, why: kind.why }));

  return (
    <Panel
      title={kind.title}
      className={className}
      source={sourceWord(source)}
      asOf={live ? clock : query.data?.as_of}
      clock={clock}
      height={rows * 36 + 32}
      flush
      state={state}
      onRefresh={() => void query.refetch()}
      onCsv={() =>
        saveCsv(
          name,
          ["instrument", "name", "close", "change_pct", kind.field?.name ?? "volume"],
          stocks.map((stock) => {
            const row = quotes.get(stock.instrument);
            return [
              stock.instrument,
              stock.name,
              row.close,
              row.change_pct,
              row[kind.field?.name ?? "volume"],
            ];
          }),
        )
      }
      tools={
        name === "undervalued" && query.data?.definition ? (
          <Definition text={query.data.definition} />
        ) : undefined
      }
    >
      <DataTable
        label={kind.title}
        rows={stocks}
        columns={columns}
        keyOf={(stock) => stock.instrument}
        sort={kind.sort}
        live={kind.sort !== undefined}
        onOpen={(stock) => void navigate({ to: "/symbol/$id", params: { id: stock.instrument }, search: {} })}
      />
    </Panel>
  );
}

function stub(key: string): Stock {
  const [, symbol = key] = key.split(":");
  return { instrument: key, symbol, name: "" } as Stock;
}

function columnsOf(kind: Kind): Column<Stock>[] {
  const columns: Column<Stock>[] = [
    {
      id: "symbol",
      title: "Company",
      cell: (stock) => (
        <Link
          to="/symbol/$id"
          params={{ id: stock.instrument }}
          search={{}}
          className={page.link}
          title={stock.name}
        >
          {stock.symbol}
        </Link>
      ),
    },
    {
      id: "close",
      title: "Price",
      align: "right",
      cell: (stock) => <LivePrice instrument={stock.instrument} tick={stock.tick_size} />,
    },
    {
      id: "change",
      title: "Change",
      align: "right",
      value: (stock) => quotes.get(stock.instrument).change_pct,
      cell: (stock) => <LiveChange instrument={stock.instrument} />,
    },
  ];
  const field = kind.field;
  if (field)
    columns.push({
      id: field.name,
      title: field.title,
      align: "right",
      cell: (stock) => <FieldCell instrument={stock.instrument} field={field} tick={stock.tick_size} />,
    });
  if (!field)
    columns.push({
      id: "volume",
      title: "Volume",
      align: "right",
      cell: (stock) => <LiveCount instrument={stock.instrument} />,
    });
  return columns;
}

function FieldCell({
  instrument,
  field,
  tick,
}: {
  instrument: string;
  field: NonNullable<Kind["field"]>;
  tick: Stock["tick_size"];
}) {
  const value = useQuote(instrument)[field.name];
  const formats = useFormats();
  if (field.name === "turnover") return <span className="num">{formats.compact(value)}</span>;
  if (field.as === "percent")
    return <span className="num">{formats.percent(value, { sign: false, digits: 1 })}</span>;
  if (field.as === "price") return <span className="num">{formats.price(value, tick)}</span>;
  return <span className="num">{formats.number(value, 2, 2)}</span>;
}
