/** The volatility surface: a heat map of moneyness and expiry, in space on a click. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Rotate3d } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { Panel, type PanelState, Skeleton, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { surfaceQuery } from "./api";
import { faultsOf } from "./arbitrage";
import classes from "./options.module.css";
import { spanOf } from "./plot/scale";
import { mix, UNDER_WORDS } from "./ramp";
import { TableBox } from "./TableBox";
import type { Surface } from "./types";
import type { Options } from "./useOptions";

const Surface3D = lazy(() => import("./Surface3D"));

export function SurfacePanel({ options, className }: { options: Options; className?: string | undefined }) {
  const { underlying, symbol, asOf } = options;
  const [isInSpace, setInSpace] = useState(false);
  const query = useQuery(surfaceQuery(underlying, asOf));
  const surface = query.data;
  const isEmpty = !surface || surface.grid.iv.every((row) => row.every((value) => value === null));
  const base = stateOf(query, {
    when: isEmpty,
    why: "No surface can be fitted: too few liquid strikes have a volatility.",
  });
  const faults = surface ? faultsOf(surface) : null;
  const state: PanelState = base.kind === "ready" && faults ? { kind: "partial", note: faults } : base;
  return (
    <Panel
      title="Volatility surface"
      className={className ?? ""}
      height={300}
      state={state}
      source={surface && !faults ? "SVI slices, no arbitrage found" : null}
      {...(surface &&
        !isEmpty && {
          onCsv: () =>
            saveCsv(
              `surface-${symbol}`,
              ["expiry", "t_years", ...surface.grid.k.map((k) => k.toFixed(4))],
              surface.grid.expiries.map((expiry, row) => [
                expiry,
                surface.grid.t_years[row],
                ...(surface.grid.iv[row] ?? []),
              ]),
            ),
          tools: surface.grid.expiries.length > 1 && (
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<Rotate3d size={14} aria-hidden />}
              aria-pressed={isInSpace}
              onClick={() => setInSpace(!isInSpace)}
            >
              {isInSpace ? "Heat map" : "In 3-D"}
            </Button>
          ),
        })}
    >
      {surface &&
        (isInSpace ? (
          <Suspense fallback={<Skeleton height={440} />}>
            <Surface3D grid={surface.grid} symbol={symbol} />
          </Suspense>
        ) : (
          <HeatMap surface={surface} />
        ))}
    </Panel>
  );
}

/** At most so many columns fit a screen with their numbers. */
const MOST_COLUMNS = 17;

function HeatMap({ surface }: { surface: Surface }) {
  const formats = useFormats();
  const { k, expiries, iv } = surface.grid;
  const step = Math.max(1, Math.ceil(k.length / MOST_COLUMNS));
  // The money is among those that are kept.
  const middle = k.reduce(
    (best, value, index) => (Math.abs(value) < Math.abs(k[best] ?? 9) ? index : best),
    0,
  );
  const columns = k.map((_, index) => index).filter((index) => (index - middle) % step === 0);
  const span = spanOf(iv.flat());
  const level = (value: number) => (span ? (value - span.low) / (span.high - span.low) : 0);
  return (
    <TableBox label="Heat map of the surface">
      <table className={classes.heat}>
        <caption className="sr-only">
          Fitted implied volatility by expiry and moneyness, per cent a year
        </caption>
        <thead>
          <tr>
            <th scope="col">Expiry</th>
            {columns.map((index) => (
              <th key={index} scope="col" className="num">
                {formats.percent((Math.exp(k[index] ?? 0) - 1) * 100, { digits: 1 })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {expiries.map((expiry, row) => (
            <tr key={expiry}>
              <th scope="row">{formats.dayShort(`${expiry}T06:30:00Z`)}</th>
              {columns.map((index) => {
                const value = iv[row]?.[index] ?? null;
                return (
                  <td
                    key={index}
                    className="num"
                    data-beyond={surface.grid.is_quoted[row]?.[index] === false ? true : undefined}
                    style={value === null ? undefined : { background: mix(level(value), UNDER_WORDS) }}
                  >
                    {formats.number(value, 1, 1)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className={classes.small}>
        Columns: strike against the forward of the expiry. Values: per cent a year; slanted ones lie beyond
        the quotes.
      </p>
    </TableBox>
  );
}
