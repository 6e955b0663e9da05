/** The whole chain: strikes in the middle, calls left, puts right. A press on a price makes a leg. */
import { Fragment, type KeyboardEvent, memo, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { Flash } from "@/shared/ui/values";
import classes from "./Chain.module.css";
import type { ChainColumn, Scales } from "./chainColumns";
import type { Click } from "./legs";
import { findLeg } from "./legs";
import type { Chain, Leg, Quote, Side, Strike } from "./types";
import { doubt } from "./words";

interface Props {
  chain: Chain;
  /** Of `chain.strikes`, those to show. */
  rows: readonly Strike[];
  columns: readonly ChainColumn[];
  hasQuotes: boolean;
  legs: readonly Leg[];
  onPress: (click: Click) => void;
  height: number;
}

export function ChainTable({ chain, rows, columns, hasQuotes, legs, onPress, height }: Props) {
  const formats = useFormats();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<number | null>(null);
  const { oi, oiChange } = scalesOf(rows);
  // The same object while nothing outgrows the largest: rows that did not change are not drawn.
  const scales = useMemo(() => ({ oi, oiChange }), [oi, oiChange]);
  const mirrored = useMemo(() => [...columns].reverse(), [columns]);
  const spot = chain.spot;
  const wide = columns.length + (hasQuotes ? 3 : 1);
  const focusable = rows.some((row) => row.strike === active)
    ? active
    : (chain.atm_strike ?? rows[0]?.strike);

  // The money stands in the middle when a chain is opened; after that the reader scrolls.
  const opened = `${chain.underlying}${chain.expiry}${rows.length}${wide}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another chain asks for the middle again, a new price does not
  useLayoutEffect(() => {
    const node = scroller.current;
    const atm = node?.querySelector<HTMLElement>("[data-atm]");
    if (!node || !atm) return;
    node.scrollTop = atm.offsetTop - node.clientHeight / 2 + atm.offsetHeight;
    const strike = atm.querySelector<HTMLElement>("th");
    if (strike) node.scrollLeft = strike.offsetLeft - (node.clientWidth - strike.offsetWidth) / 2;
  }, [opened]);

  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const tr = target.closest("tr");
    if (!tr?.dataset.strike) return;
    const across = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const down = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (across) {
      const all = [...tr.querySelectorAll<HTMLElement>("button")];
      const at = all.indexOf(target as HTMLButtonElement);
      const next = at < 0 ? (across > 0 ? all.length / 2 : all.length / 2 - 1) : at + across;
      all[Math.max(0, Math.min(all.length - 1, next))]?.focus();
    } else if (down) {
      const at = rows.findIndex((row) => String(row.strike) === tr.dataset.strike);
      const next = rows[Math.max(0, Math.min(rows.length - 1, at + down))];
      if (!next) return;
      setActive(next.strike);
      const column = [...tr.querySelectorAll("button")].indexOf(target as HTMLButtonElement);
      requestAnimationFrame(() => {
        const row = scroller.current?.querySelector<HTMLElement>(`tr[data-strike="${next.strike}"]`);
        (column < 0 ? row : row?.querySelectorAll<HTMLElement>("button")[column])?.focus();
      });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: rows and their buttons take the keys; the scroller hands them on
    <div ref={scroller} className={classes.scroller} style={{ maxHeight: height }} onKeyDown={onKey}>
      <table
        className={classes.table}
        aria-label={`Option chain of ${chain.symbol}, ${chain.expiry}`}
        data-rows
      >
        <caption className="sr-only">
          Calls left, strikes in the middle, puts right. Arrow keys move over rows and prices; Enter on a
          price adds it to the basket.
        </caption>
        <thead>
          <tr className={classes.sides}>
            <th colSpan={wide} scope="colgroup" className={classes.call}>
              Calls
            </th>
            <td />
            <th colSpan={wide} scope="colgroup" className={classes.put}>
              Puts
            </th>
          </tr>
          <tr>
            <Heads columns={columns} side="call" />
            <ButtonHeads side="call" hasQuotes={hasQuotes} />
            <th scope="col" className={classes.strikeHead}>
              Strike
            </th>
            <ButtonHeads side="put" hasQuotes={hasQuotes} />
            <Heads columns={mirrored} side="put" />
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <Fragment key={row.strike}>
              {isAbove(spot, row.strike, rows[index - 1]?.strike) && (
                <tr className={classes.spot}>
                  <td colSpan={wide * 2 + 1}>
                    <span className="num">
                      {chain.symbol} {formats.price(spot)}
                    </span>
                  </td>
                </tr>
              )}
              <Row
                row={row}
                columns={columns}
                mirrored={mirrored}
                hasQuotes={hasQuotes}
                scales={scales}
                isAtm={row.strike === chain.atm_strike}
                callIn={spot !== null && row.strike < spot}
                putIn={spot !== null && row.strike > spot}
                mark={markOf(row.strike, chain)}
                callLeg={legOf(legs, "call", row.strike, chain.expiry)}
                putLeg={legOf(legs, "put", row.strike, chain.expiry)}
                isFocusable={row.strike === focusable}
                onFocus={setActive}
                onPress={onPress}
              />
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const isAbove = (spot: number | null, strike: number, before: number | undefined): boolean =>
  spot !== null && before !== undefined && before <= spot && strike > spot;

/** "b2" for two bought, so that a row is drawn anew only when its own leg changes. */
function legOf(legs: readonly Leg[], kind: Side, strike: number, expiry: string): string {
  const leg = findLeg(legs, kind, strike, expiry);
  return leg ? `${leg.side[0]}${leg.lots}` : "";
}

const WALLS = [
  ["max_pain", "Max pain"],
  ["max_call_oi_strike", "Call wall"],
  ["max_put_oi_strike", "Put wall"],
] as const;

function markOf(strike: number, chain: Chain): string {
  return [
    strike === chain.atm_strike ? "ATM" : "",
    ...WALLS.map(([name, words]) => (chain.metrics[name] === strike ? words : "")),
  ]
    .filter(Boolean)
    .join(" · ");
}

export function scalesOf(rows: readonly Strike[]): Scales {
  let oi = 0;
  let oiChange = 0;
  for (const row of rows)
    for (const quote of [row.call, row.put]) {
      oi = Math.max(oi, quote.oi ?? 0);
      oiChange = Math.max(oiChange, Math.abs(quote.oi_change ?? 0));
    }
  return { oi, oiChange };
}

function Heads({ columns, side }: { columns: readonly ChainColumn[]; side: Side }) {
  return columns.map((column) => (
    <th key={column.id} scope="col" title={column.about} data-side={side} data-column={column.id}>
      {column.title}
    </th>
  ));
}

function ButtonHeads({ side, hasQuotes }: { side: Side; hasQuotes: boolean }) {
  const heads = hasQuotes
    ? [
        ["Bid", "Sell at it"],
        ["Ask", "Buy at it"],
      ]
    : [];
  const price = (
    <th key="price" scope="col" title="Middle of bid and ask, else the last trade. Press: buy, sell, out">
      Price
    </th>
  );
  const quotes = heads.map(([title, about]) => (
    <th key={title} scope="col" title={about}>
      {title}
    </th>
  ));
  return side === "call" ? [...quotes, price] : [price, ...quotes];
}

interface RowProps {
  row: Strike;
  columns: readonly ChainColumn[];
  mirrored: readonly ChainColumn[];
  hasQuotes: boolean;
  scales: Scales;
  isAtm: boolean;
  callIn: boolean;
  putIn: boolean;
  mark: string;
  callLeg: string;
  putLeg: string;
  isFocusable: boolean;
  onFocus: (strike: number) => void;
  onPress: (click: Click) => void;
}

const Row = memo(function Row(props: RowProps) {
  const { row, columns, mirrored, hasQuotes, scales, isAtm, callIn, putIn, mark, isFocusable, onFocus } =
    props;
  const formats = useFormats();
  const common = { strike: row.strike, hasQuotes, isFocusable, onPress: props.onPress };
  return (
    <tr
      data-strike={row.strike}
      data-atm={isAtm || undefined}
      tabIndex={isFocusable ? 0 : -1}
      onFocus={() => onFocus(row.strike)}
      className={isAtm ? classes.atm : undefined}
    >
      <Cells side="call" quote={row.call} columns={columns} isIn={callIn} scales={scales} />
      <Buttons {...common} side="call" quote={row.call} isIn={callIn} leg={props.callLeg} />
      <th scope="row" className={classes.strike}>
        <span className="num">{formats.number(row.strike, 2)}</span>
        {mark && <small>{mark}</small>}
      </th>
      <Buttons {...common} side="put" quote={row.put} isIn={putIn} leg={props.putLeg} />
      <Cells side="put" quote={row.put} columns={mirrored} isIn={putIn} scales={scales} />
    </tr>
  );
});

function Cells(props: {
  side: Side;
  quote: Quote;
  columns: readonly ChainColumn[];
  isIn: boolean;
  scales: Scales;
}) {
  const { side, quote, columns, isIn, scales } = props;
  const formats = useFormats();
  return columns.map((column) => {
    const share = column.share?.(quote, scales) ?? 0;
    const bar =
      share > 0
        ? `${column.tone === "oi" ? classes.oiBar : (quote.oi_change ?? 0) < 0 ? classes.lessBar : classes.moreBar}`
        : "";
    return (
      <td
        key={column.id}
        data-side={side}
        data-column={column.id}
        className={`num ${isIn ? classes.in : ""}`}
      >
        {bar && <i className={bar} style={{ width: `${Math.max(1, share * 100)}%` }} aria-hidden />}
        <span className={classes.over}>{column.cell(quote, side, formats, scales)}</span>
      </td>
    );
  });
}

function Buttons(props: {
  side: Side;
  strike: number;
  quote: Quote;
  hasQuotes: boolean;
  isIn: boolean;
  leg: string;
  isFocusable: boolean;
  onPress: (click: Click) => void;
}) {
  const { side, strike, quote, hasQuotes, isIn, leg, isFocusable, onPress } = props;
  const formats = useFormats();
  const name = `${formats.number(strike, 2)} ${side}`;
  const why = doubt(quote);
  const held = leg ? `${leg[0] === "b" ? "bought" : "sold"}, ${leg.slice(1)} lots` : "not in the basket";
  const next = !leg
    ? "Press to buy one lot"
    : leg[0] === "b"
      ? "Press to sell instead"
      : "Press to take it out";
  const tab = isFocusable ? 0 : -1;
  const price = (
    <td key="price" data-side={side} className={`num ${isIn ? classes.in : ""} ${why ? classes.doubt : ""}`}>
      <button
        type="button"
        tabIndex={tab}
        className={classes.price}
        data-leg={leg[0]}
        aria-label={`${name} ${formats.price(quote.price)}${why ? `, ${why}` : ""}: ${held}. ${next}`}
        title={why ? `${why}. ${next}` : next}
        onClick={() => onPress({ kind: side, strike, side: null, price: quote.price })}
      >
        <Flash value={quote.price}>{formats.price(quote.price)}</Flash>
      </button>
    </td>
  );
  if (!hasQuotes) return price;
  const quoted = (["bid", "ask"] as const).map((which) => {
    const value = quote[which];
    const words = which === "bid" ? "Sell" : "Buy";
    return (
      <td key={which} data-side={side} className={`num ${isIn ? classes.in : ""}`}>
        {value === null ? (
          <span className="faint">—</span>
        ) : (
          <button
            type="button"
            tabIndex={tab}
            className={classes.quote}
            aria-label={`${words} one lot of the ${name} at ${formats.price(value)}`}
            title={`${words} one lot at ${formats.price(value)}`}
            onClick={() =>
              onPress({ kind: side, strike, side: which === "bid" ? "sell" : "buy", price: value })
            }
          >
            {formats.price(value)}
          </button>
        )}
      </td>
    );
  });
  return side === "call" ? [...quoted, price] : [price, ...quoted];
}
