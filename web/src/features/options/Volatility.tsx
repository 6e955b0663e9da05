/** Volatility in strike and time: smile with its fit, term structure, surface. For the advanced mode. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { metricsQuery, surfaceQuery } from "./api";
import { butterfly } from "./arbitrage";
import { IvTable } from "./IvTable";
import classes from "./options.module.css";
import { type Line, type Mark, Plot } from "./plot/Plot";
import { SurfacePanel } from "./SurfacePanel";
import type { SurfaceSlice } from "./types";
import type { Options } from "./useOptions";

export function Volatility({ options }: { options: Options }) {
  return (
    <>
      <SmilePanel options={options} className={page.w7} />
      <TermPanel options={options} className={page.w5} />
      <SurfacePanel options={options} />
    </>
  );
}

/** Strikes farther than so many expected moves carry no price worth a line, and in the money than one of them. */
const WINGS = 4;
const DEEP = 1;

function SmilePanel({ options, className }: { options: Options; className: string | undefined }) {
  const { underlying, symbol, expiry, asOf, chain } = options;
  const formats = useFormats();
  const [asTable, setTable] = useState(false);
  const query = useQuery(surfaceQuery(underlying, asOf));
  const slice = query.data?.slices.find((one) => one.expiry === expiry);
  const strikes = useMemo(() => {
    const move = isKnown(chain?.metrics.expected_move) ? Number(chain?.metrics.expected_move) : null;
    const middle = chain?.forward ?? chain?.spot ?? null;
    const rows = chain?.strikes ?? [];
    if (move === null || middle === null) return rows;
    // Deep in the money a price is nearly all intrinsic value: what is left of it says little of volatility.
    return rows
      .filter((row) => Math.abs(row.strike - middle) <= move * WINGS)
      .map((row) => ({
        ...row,
        call: middle - row.strike > move * DEEP ? { ...row.call, iv: null } : row.call,
        put: row.strike - middle > move * DEEP ? { ...row.put, iv: null } : row.put,
      }));
  }, [chain]);
  const lines = useMemo<Line[]>(() => {
    const low = strikes[0]?.strike ?? 0;
    const high = strikes[strikes.length - 1]?.strike ?? 0;
    const fitted = (slice?.points ?? []).filter((one) => one.strike >= low && one.strike <= high);
    return [
      {
        id: "call",
        name: "Calls",
        color: "var(--opt-call)",
        look: "dots",
        dots: strikes.map((row) => [row.strike, row.call.iv]),
      },
      {
        id: "put",
        name: "Puts",
        color: "var(--opt-put)",
        look: "dots",
        dots: strikes.map((row) => [row.strike, row.put.iv]),
      },
      {
        id: "fit",
        name: "SVI fit",
        color: "var(--mb-text-1)",
        dots: fitted.map((one) => [one.strike, one.fitted]),
      },
    ];
  }, [strikes, slice]);
  const marks: Mark[] = [
    ...(chain?.spot != null ? [{ at: chain.spot, name: "Now", color: "var(--mb-text-1)" }] : []),
    ...(chain?.forward != null ? [{ at: chain.forward, name: "Forward" }] : []),
  ];
  const isEmpty = strikes.every((row) => row.call.iv === null && row.put.iv === null);
  const state: PanelState = !chain
    ? { kind: "loading" }
    : isEmpty
      ? {
          kind: "empty",
          why: "No contract of this expiry has a volatility: its prices or its time are not known.",
        }
      : { kind: "ready" };
  return (
    <Panel
      title="Smile"
      className={className ?? ""}
      height={330}
      state={state}
      source={slice ? fitWords(slice, formats.number) : null}
      asTable={asTable}
      onTable={() => setTable(!asTable)}
      onCsv={() =>
        saveCsv(
          `smile-${symbol}-${expiry}`,
          ["strike", "call_iv", "put_iv", "fitted", "residual"],
          strikes.map((row) => {
            const point = slice?.points.find((one) => one.strike === row.strike);
            return [row.strike, row.call.iv, row.put.iv, point?.fitted, point?.residual];
          }),
        )
      }
    >
      {asTable ? (
        <IvTable
          head={["Strike", "Calls", "Puts", "SVI fit", "Residual"]}
          rows={strikes.map((row) => {
            const point = slice?.points.find((one) => one.strike === row.strike);
            return [row.strike, row.call.iv, row.put.iv, point?.fitted ?? null, point?.residual ?? null];
          })}
        />
      ) : (
        <Plot
          label={`Smile of ${symbol}, ${expiry}`}
          summary={`Implied volatility by strike: ${formats.percent(chain?.metrics.atm_iv as number, { sign: false, digits: 1 })} at the money, skew ${formats.signed(chain?.metrics.skew_25 as number, 2)} points.`}
          x={{ title: "Strike", format: (value) => formats.number(value, 2) }}
          y={{
            title: "% a year",
            format: (value, digits) => formats.number(value, digits, digits),
            read: (value) => `${formats.number(value, 2, 2)} %`,
          }}
          lines={lines}
          marks={marks}
          height={330}
        />
      )}
    </Panel>
  );
}

function fitWords(slice: SurfaceSlice, write: (value: number | null, digits?: number) => string): string {
  if (!slice.is_fitted) return "no SVI fit: too few liquid strikes";
  const words: Record<string, string> = {
    free: "no butterfly arbitrage",
    beyond: "butterfly arbitrage beyond the quotes alone",
    broken: `butterfly arbitrage (least g ${write(slice.min_g, 3)})`,
  };
  return [`SVI, mean error ${write(slice.rmse, 3)} points`, words[butterfly(slice)]]
    .filter(Boolean)
    .join(" · ");
}

const DAYS_A_YEAR = 365;

function TermPanel({ options, className }: { options: Options; className: string | undefined }) {
  const { underlying, symbol, asOf } = options;
  const formats = useFormats();
  const [asTable, setTable] = useState(false);
  const query = useQuery(metricsQuery(underlying, asOf));
  const rows = (query.data?.expiries ?? [])
    .filter((one) => one.t_years !== null && one.t_years > 0)
    .map((one) => ({
      expiry: one.expiry,
      days: (one.t_years ?? 0) * DAYS_A_YEAR,
      iv: isKnown(one.metrics.atm_iv) ? Number(one.metrics.atm_iv) : null,
      move: isKnown(one.metrics.expected_move) ? Number(one.metrics.expected_move) : null,
      skew: isKnown(one.metrics.skew_25) ? Number(one.metrics.skew_25) : null,
    }));
  const expiryAt = (days: number) => {
    const found = rows.find((row) => Math.abs(row.days - days) < 1e-6);
    return found ? formats.dayShort(`${found.expiry}T06:30:00Z`) : `${formats.number(days, 0)} days`;
  };
  return (
    <Panel
      title="Term structure"
      className={className ?? ""}
      height={330}
      state={stateOf(query, {
        when: rows.filter((row) => row.iv !== null).length < 2,
        why: "A term structure needs two expiries with a volatility at the money.",
      })}
      asTable={asTable}
      onTable={() => setTable(!asTable)}
      onCsv={() =>
        saveCsv(
          `term-${symbol}`,
          ["expiry", "days", "atm_iv", "expected_move", "skew_25"],
          rows.map((row) => [row.expiry, row.days.toFixed(4), row.iv, row.move, row.skew]),
        )
      }
    >
      {asTable ? (
        <IvTable
          head={["Expiry", "Days", "ATM IV", "Expected move", "25Δ skew"]}
          rows={rows.map((row) => [
            formats.day(`${row.expiry}T06:30:00Z`),
            row.days,
            row.iv,
            row.move,
            row.skew,
          ])}
        />
      ) : (
        <Plot
          label={`Term structure of ${symbol}`}
          summary={rows
            .map(
              (row) =>
                `${formats.dayShort(`${row.expiry}T06:30:00Z`)}: ${formats.percent(row.iv, { sign: false, digits: 1 })}`,
            )
            .join(", ")}
          x={{ title: "Expiry", format: expiryAt, ticks: rows.map((row) => row.days) }}
          y={{
            title: "ATM IV, % a year",
            format: (value, digits) => formats.number(value, digits, digits),
            read: (value) => `${formats.number(value, 2, 2)} %`,
          }}
          lines={[
            {
              id: "iv",
              name: "ATM IV",
              color: "var(--mb-accent)",
              look: "both",
              dots: rows.map((row) => [row.days, row.iv]),
            },
          ]}
          height={330}
        />
      )}
      <p className={classes.small}>
        Each dot is an expiry; rising means the market expects more movement later.
      </p>
    </Panel>
  );
}
