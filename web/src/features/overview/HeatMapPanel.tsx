/** Size is market value, colour is change; tiles are buttons, arrow keys move, a table says the same. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { universeQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { ARROW, directionOf, isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { quotes, usePace } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { LiveChange, LivePrice } from "@/shared/ui/values";
import classes from "./HeatMap.module.css";
import { HEADING, layOut, neighbour, strength, type Tile } from "./treemap";

const HEIGHT = 520;

/** The map holds the largest companies only, in tiles large enough to read; the table holds all. */
const LARGEST = { beginner: 60, more: 150 } as const;

function largest(companies: Stock[], most: number): Stock[] {
  const value = (stock: Stock) => Number(stock.fund.market_cap ?? 0);
  return companies.length <= most
    ? companies
    : [...companies].sort((a, b) => value(b) - value(a)).slice(0, most);
}

export function HeatMapPanel({ className }: { className?: string }) {
  const universe = useQuery(universeQuery);
  const source = useSource();
  const clock = useMarketClock();
  const search = useSearch({ strict: false }) as { map?: "table" };
  const navigate = useNavigate();
  const asTable = search.map === "table";
  useEffect(() => seed(universe.data?.items), [universe.data]);

  const more = useShows("intermediate");
  const stocks = useMemo(() => {
    const companies = (universe.data?.items ?? []).filter((stock) => stock.kind !== "index");
    return asTable ? companies : largest(companies, more ? LARGEST.more : LARGEST.beginner);
  }, [universe.data, asTable, more]);
  const total = (universe.data?.items ?? []).filter((stock) => stock.kind !== "index").length;
  const unsized = stocks.filter((stock) => !isKnown(stock.fund?.market_cap)).length;
  const base = stateOf(universe, { when: stocks.length === 0, why: "The source has no companies yet." });
  const state: PanelState =
    base.kind === "ready" && unsized > 0
      ? {
          kind: "partial",
          note:
            unsized === stocks.length
              ? "The source gives no market values: all tiles have the same size."
              : `${unsized} of ${stocks.length} have no market value and take the smallest size.`,
        }
      : base;
  const fresh = useFresh(state);
  return (
    <Panel
      title={asTable || stocks.length === total ? "Heat map" : `Heat map of the ${stocks.length} largest`}
      className={className}
      source={sourceWord(source)}
      asOf={clock}
      clock={clock}
      height={HEIGHT}
      state={fresh}
      asTable={asTable}
      onTable={() => void navigate({ to: "/", search: { map: asTable ? undefined : "table" } })}
      flush={asTable}
      tools={<Legend />}
    >
      {asTable ? <MapTable stocks={stocks} /> : <HeatMap stocks={stocks} />}
    </Panel>
  );
}

function Legend() {
  return (
    <span className={classes.legend} aria-hidden>
      <span>area √ value</span>
      <span>−3%</span>
      {[-3, -2, -1, 0, 1, 2, 3].map((step) => (
        <i key={step} data-step={step} className={classes.swatch} />
      ))}
      <span>+3%</span>
    </span>
  );
}

export function HeatMap({ stocks }: { stocks: Stock[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [active, setActive] = useState(0);
  useLayoutEffect(() => {
    const node = box.current;
    if (!node) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(node);
    setWidth(Math.floor(node.clientWidth));
    return () => observer.disconnect();
  }, []);
  // Sizes are laid out once: a map whose tiles wander cannot be read. Colours and numbers are live.
  const { tiles, sectors } = useMemo(() => {
    const sizes = stocks.map((stock) => Number(stock.fund?.market_cap ?? 0)).filter((size) => size > 0);
    const least = sizes.length ? Math.min(...sizes) : 1;
    return layOut(
      stocks.map((stock) => ({
        key: stock.instrument,
        symbol: stock.symbol,
        name: stock.name || stock.symbol,
        sector: stock.sector ?? "",
        // The square root keeps small companies large enough to hit; order by size stays true.
        size: Math.sqrt(Number(stock.fund?.market_cap) || least),
      })),
      width,
      HEIGHT,
    );
  }, [stocks, width]);

  const onKey = (event: KeyboardEvent) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(tiles, active, event.key);
    setActive(next);
    box.current?.querySelector<HTMLElement>(`[data-tile="${next}"]`)?.focus();
  };
  const beat = usePace(500);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be a form's; these are buttons in a plane
    <div
      ref={box}
      className={classes.map}
      style={{ height: HEIGHT }}
      role="group"
      aria-label="Heat map of companies by sector. Arrow keys move between tiles, Enter opens one."
      onKeyDown={onKey}
    >
      {sectors.map((sector) => (
        <span
          key={sector.name}
          className={classes.sector}
          style={{ left: sector.x, top: sector.y, width: sector.width, height: HEADING }}
        >
          {sector.width > 46 ? sector.name : ""}
        </span>
      ))}
      {tiles.map((tile, index) => (
        <TileButton
          key={tile.key}
          tile={tile}
          index={index}
          focusable={index === active}
          change={numeric(quotes.get(tile.key).change_pct)}
          onFocus={setActive}
        />
      ))}
      <span hidden data-beat={beat} />
    </div>
  );
}

function numeric(value: unknown): number | null {
  return isKnown(value as number) ? Number(value) : null;
}

interface TileProps {
  tile: Tile;
  index: number;
  focusable: boolean;
  change: number | null;
  onFocus: (index: number) => void;
}

const TileButton = memo(function TileButton({ tile, index, focusable, change, onFocus }: TileProps) {
  const formats = useFormats();
  const navigate = useNavigate();
  const direction = directionOf(change);
  const percent = change === null ? "no change known" : formats.percent(change);
  const large = tile.width > 96 && tile.height > 60;
  // A name that does not fit is read out, not cut off.
  const named = tile.height > 15 && tile.symbol.length * (large ? 9.4 : 7.7) < tile.width - 2;
  const numbered = named && tile.height > 34 && tile.width > 52;
  return (
    <button
      type="button"
      data-tile={index}
      data-step={strength(change)}
      className={classes.tile}
      tabIndex={focusable ? 0 : -1}
      style={{ left: tile.x, top: tile.y, width: tile.width, height: tile.height }}
      title={`${tile.name} · ${tile.sector || "no sector"} · ${ARROW[direction]} ${percent}`}
      onFocus={() => onFocus(index)}
      onClick={() => void navigate({ to: "/symbol/$id", params: { id: tile.key }, search: {} })}
    >
      <b className={named ? undefined : "sr-only"} style={large ? { fontSize: 14 } : undefined}>
        {tile.symbol}
      </b>
      <span className={numbered ? "num" : "sr-only"}>
        {ARROW[direction]} {percent}
      </span>
      {tile.name !== tile.symbol && <span className="sr-only">, {tile.name}</span>}
    </button>
  );
});

function MapTable({ stocks }: { stocks: Stock[] }) {
  const formats = useFormats();
  const navigate = useNavigate();
  const columns: Column<Stock>[] = [
    {
      id: "symbol",
      title: "Company",
      text: (stock) => stock.symbol,
      cell: (stock) => (
        <Link to="/symbol/$id" params={{ id: stock.instrument }} search={{}} className={page.link}>
          {stock.symbol}
        </Link>
      ),
    },
    {
      id: "sector",
      title: "Sector",
      text: (stock) => stock.sector ?? "",
      cell: (stock) => stock.sector || "—",
    },
    {
      id: "cap",
      title: "Market value",
      align: "right",
      value: (stock) => stock.fund?.market_cap,
      cell: (stock) => <span className="num">{formats.money(stock.fund?.market_cap, stock.currency)}</span>,
    },
    {
      id: "close",
      title: "Price",
      align: "right",
      value: (stock) => quotes.get(stock.instrument).close,
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
  return (
    <DataTable
      label="Companies by sector and market value"
      rows={stocks}
      columns={columns}
      keyOf={(stock) => stock.instrument}
      sort={{ id: "cap", down: true }}
      height={HEIGHT}
      live
      onOpen={(stock) => void navigate({ to: "/symbol/$id", params: { id: stock.instrument }, search: {} })}
    />
  );
}
