/** Open interest by strike, its change, or what each closing price would cost the writers. */
import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { painQuery } from "./api";
import { useCash } from "./cash";
import { near } from "./near";
import classes from "./options.module.css";
import { type Bars, type Mark, Plot } from "./plot/Plot";
import { useKept } from "./store";
import { TableBox } from "./TableBox";
import type { Chain, Pain, Strike } from "./types";
import type { Options } from "./useOptions";

type Show = "oi" | "change" | "pain";
const SHOWS: { value: Show; label: string }[] = [
  { value: "oi", label: "OI" },
  { value: "change", label: "Change" },
  { value: "pain", label: "Max pain" },
];
const TITLES: Record<Show, string> = {
  oi: "Open interest by strike",
  change: "Change in open interest by strike",
  pain: "What the writers would pay, by closing price",
};
const WIDER = 2;

export function OiPanel({ options, className }: { options: Options; className: string | undefined }) {
  const { underlying, expiry, asOf, chain, symbol } = options;
  const [show, setShow] = useState<Show>("oi");
  const [asTable, setTable] = useState(false);
  const reach = useKept((one) => one.reach);
  const pain = useQuery({ ...painQuery(underlying, expiry, asOf), enabled: show === "pain" });
  const strikes = useMemo(
    () =>
      chain ? near(chain.strikes, chain.atm_strike, reach === "all" ? null : Number(reach) * WIDER) : [],
    [chain, reach],
  );
  const shown = new Set(strikes.map((row) => row.strike));
  const bars =
    show === "pain"
      ? painBars((pain.data ?? []).filter((row) => shown.has(row.strike)))
      : oiBars(strikes, show);
  const state =
    show === "pain" ? stateOf(pain) : chain ? { kind: "ready" as const } : { kind: "loading" as const };
  return (
    <Panel
      title={TITLES[show]}
      className={className ?? ""}
      height={320}
      state={state}
      asTable={asTable}
      onTable={() => setTable(!asTable)}
      onCsv={() => saveCsv(`${symbol}-${expiry}-${show}`, ["strike", "calls", "puts"], tableOf(bars))}
      tools={
        <SegmentedControl
          size="xs"
          aria-label="What to show by strike"
          data={SHOWS}
          value={show}
          onChange={(value) => setShow(value as Show)}
        />
      }
    >
      {chain && (asTable ? <BarTable bars={bars} /> : <BarPlot chain={chain} bars={bars} show={show} />)}
    </Panel>
  );
}

function oiBars(strikes: readonly Strike[], show: Show): Bars[] {
  const field = show === "oi" ? "oi" : "oi_change";
  return [
    {
      id: "call",
      name: "Calls",
      color: "var(--opt-call)",
      dots: strikes.map((row) => [row.strike, row.call[field]]),
    },
    {
      id: "put",
      name: "Puts",
      color: "var(--opt-put)",
      dots: strikes.map((row) => [row.strike, row.put[field]]),
    },
  ];
}

function painBars(rows: readonly Pain[]): Bars[] {
  return [
    {
      id: "call",
      name: "To holders of calls",
      color: "var(--opt-call)",
      dots: rows.map((row) => [row.strike, row.call_pain]),
    },
    {
      id: "put",
      name: "To holders of puts",
      color: "var(--opt-put)",
      dots: rows.map((row) => [row.strike, row.put_pain]),
    },
  ];
}

function BarPlot({ chain, bars, show }: { chain: Chain; bars: Bars[]; show: Show }) {
  const formats = useFormats();
  const cash = useCash(chain.underlying);
  const { metrics, spot } = chain;
  const marks: Mark[] = [];
  if (spot !== null) marks.push({ at: spot, name: "Now", color: "var(--mb-text-1)" });
  const add = (name: string, words: string) => {
    if (isKnown(metrics[name])) marks.push({ at: Number(metrics[name]), name: words });
  };
  add("max_pain", "Max pain");
  if (show === "oi") {
    add("max_call_oi_strike", "Call wall");
    add("max_put_oi_strike", "Put wall");
  }
  return (
    <Plot
      label={`${TITLES[show]} of ${chain.symbol}`}
      summary={`${TITLES[show]} of ${chain.symbol}, ${chain.expiry}. ${largestWords(bars, formats.number)}`}
      x={{ title: "Strike", format: (value) => formats.number(value, 2) }}
      y={
        show === "pain"
          ? { title: "Paid", format: cash.short }
          : { title: "Units of the underlying", format: formats.compact, read: formats.count }
      }
      bars={bars}
      marks={marks}
      height={320}
      zero
    />
  );
}

function largestWords(bars: readonly Bars[], write: (value: number) => string): string {
  return bars
    .map((set) => {
      const largest = set.dots.reduce<readonly [number, number | null] | null>(
        (best, dot) => (Math.abs(dot[1] ?? 0) > Math.abs(best?.[1] ?? 0) ? dot : best),
        null,
      );
      return largest ? `${set.name}: largest at ${write(largest[0])}.` : `${set.name}: none.`;
    })
    .join(" ");
}

const tableOf = (bars: readonly Bars[]) =>
  (bars[0]?.dots ?? []).map(([strike, calls], index) => [strike, calls, bars[1]?.dots[index]?.[1] ?? null]);

function BarTable({ bars }: { bars: readonly Bars[] }) {
  const formats = useFormats();
  return (
    <TableBox label="Open interest by strike, as a table">
      <table className={classes.plain}>
        <thead>
          <tr>
            <th scope="col">Strike</th>
            {bars.map((set) => (
              <th key={set.id} scope="col">
                {set.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tableOf(bars).map(([strike, calls, puts]) => (
            <tr key={strike}>
              <td className="num">{formats.number(strike, 2)}</td>
              <td className="num">{formats.count(calls)}</td>
              <td className="num">{formats.count(puts)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}
