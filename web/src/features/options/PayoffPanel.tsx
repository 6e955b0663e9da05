/** What the legs give: today and at expiry, in words, as a chart, and with price, volatility and days moved. */
import { Button } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { payoffQuery } from "./api";
import { BasketMenu } from "./BasketMenu";
import { useCash } from "./cash";
import { LegEditor } from "./LegEditor";
import classes from "./options.module.css";
import { breakEvenWords, expiryDots, extremes, mostWords, nowDots } from "./payoff";
import { type Line, type Mark, Plot } from "./plot/Plot";
import { StartFrom } from "./StartFrom";
import { TableBox } from "./TableBox";
import type { Payoff, WhatIf } from "./types";
import type { Options } from "./useOptions";
import { isStill, STILL, WhatIfSliders } from "./WhatIfSliders";

const SETTLES_MS = 180;

export function PayoffPanel({ options, className }: { options: Options; className?: string | undefined }) {
  const { underlying, symbol, expiry, asOf, legs, setLegs, model, rate } = options;
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const [whatIf, setWhatIf] = useState<WhatIf>(STILL);
  const [asTable, setTable] = useState(false);
  const wanted = useMemo(() => ({ legs, whatIf }), [legs, whatIf]);
  const [asked] = useDebouncedValue(wanted, SETTLES_MS);
  const moved = advanced && !isStill(asked.whatIf) ? asked.whatIf : null;
  // Legs that were taken out are not asked about any more, the moment they are gone.
  const query = useQuery(
    payoffQuery({
      underlying,
      expiry,
      as_of: asOf,
      legs: legs.length ? asked.legs : [],
      what_if: moved,
      model,
      rate: rate === undefined ? undefined : rate / 100,
    }),
  );
  const payoff = legs.length > 0 ? query.data : undefined;
  const state: PanelState =
    legs.length === 0
      ? {
          kind: "empty",
          why: intermediate
            ? "Press a price in the chain to add a leg: once to buy, again to sell, again to take it out."
            : "Choose one of the examples, or press a price in the chain, to see what it would give.",
          action: intermediate ? <StartFrom options={options} label="Start from an example" /> : undefined,
        }
      : payoff && query.isError
        ? { kind: "partial", note: query.error?.message ?? "The newest prices could not be asked." }
        : payoff && query.isPlaceholderData
          ? { kind: "refreshing" }
          : stateOf(query);
  return (
    <Panel
      title={intermediate ? "Payoff" : "What it would give"}
      className={className ?? ""}
      height={420}
      state={state}
      tools={
        <>
          {legs.length > 0 && (
            <Button size="compact-xs" variant="subtle" onClick={() => setLegs([])}>
              Clear
            </Button>
          )}
          {intermediate && legs.length > 0 && <StartFrom options={options} label="Examples" />}
          {advanced && <BasketMenu options={options} payoff={payoff} />}
        </>
      }
      {...(payoff && {
        onTable: () => setTable(!asTable),
        asTable,
        onCsv: () =>
          saveCsv(
            `payoff-${symbol}`,
            ["price", "today", "at_expiry"],
            payoff.points.map((one) => [one.spot, one.now, one.expiry]),
          ),
      })}
    >
      <div id="payoff" className={advanced ? classes.payoffWide : classes.payoff}>
        {payoff && (
          <div className={classes.payoffMain}>
            <Outcome options={options} payoff={payoff} />
            {asTable ? (
              <PointTable options={options} payoff={payoff} />
            ) : (
              <PayoffChart options={options} payoff={payoff} isMoved={moved !== null} />
            )}
            {!intermediate && <InWords payoff={payoff} />}
          </div>
        )}
        <div className={classes.payoffSide}>
          {intermediate && <LegEditor options={options} payoff={payoff} />}
          {advanced && payoff && (
            <>
              <GreekSums payoff={payoff} underlying={underlying} />
              <WhatIfSliders
                options={options}
                value={whatIf}
                profit={moved === null ? null : payoff.moved_profit}
                onChange={setWhatIf}
              />
            </>
          )}
        </div>
      </div>
    </Panel>
  );
}

function Outcome({ options, payoff }: { options: Options; payoff: Payoff }) {
  const { underlying, chain } = options;
  const formats = useFormats();
  const cash = useCash(underlying);
  const intermediate = useShows("intermediate");
  const spot = chain?.spot ?? null;
  const cost = payoff.cost;
  return (
    <>
      <dl className={classes.outcomes}>
        <div>
          <dt>Most you can lose</dt>
          <dd className="down num">{mostWords(payoff.max_loss, payoff.is_loss_unlimited, cash.plain)}</dd>
        </div>
        <div>
          <dt>Most you can gain</dt>
          <dd className="up num">{mostWords(payoff.max_profit, payoff.is_profit_unlimited, cash.plain)}</dd>
        </div>
        <div>
          <dt>You break even</dt>
          <dd>{breakEvenWords(payoff.break_evens, spot, formats)}</dd>
        </div>
        <div>
          <dt>{cost !== null && cost < 0 ? "You receive" : "You pay"}</dt>
          <dd className="num">{cash.plain(cost === null ? null : Math.abs(cost))}</dd>
        </div>
        <div title={payoff.probability_model}>
          <dt>Chance of a gain</dt>
          <dd className="num">{formats.percent(payoff.probability_of_profit, { sign: false, digits: 0 })}</dd>
        </div>
        {intermediate && (
          <div title={payoff.margin_model}>
            <dt>Margin, estimated</dt>
            <dd className="num">{cash.plain(payoff.margin)}</dd>
          </div>
        )}
      </dl>
      {intermediate && (payoff.probability_model || payoff.margin_model) && (
        <details className={classes.small}>
          <summary>How chance and margin are estimated</summary>
          {payoff.probability_model && <p>Chance: {payoff.probability_model}</p>}
          {payoff.margin_model && <p>Margin: {payoff.margin_model}</p>}
        </details>
      )}
    </>
  );
}

function InWords({ payoff }: { payoff: Payoff }) {
  if (payoff.words.length === 0) return null;
  return (
    <section aria-label="In words" className={classes.words}>
      <h3>In words</h3>
      <ul>
        {payoff.words.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </section>
  );
}

function PayoffChart({ options, payoff, isMoved }: { options: Options; payoff: Payoff; isMoved: boolean }) {
  const { underlying, symbol, chain } = options;
  const formats = useFormats();
  const cash = useCash(underlying);
  const { points } = payoff;
  const lines = useMemo<Line[]>(() => {
    const found: Line[] = [
      { id: "expiry", name: "At expiry", color: "var(--mb-text-1)", dots: expiryDots(points), fills: true },
    ];
    if (points.some((one) => one.now !== null))
      found.push({
        id: "now",
        name: isMoved ? "Today, as moved" : "Today",
        color: "var(--mb-accent)",
        dots: nowDots(points),
        dashed: true,
      });
    return found;
  }, [points, isMoved]);
  const marks = useMemo<Mark[]>(
    () => [
      ...(chain?.spot ? [{ at: chain.spot, name: "Now", color: "var(--mb-text-1)" }] : []),
      ...payoff.break_evens.map((at) => ({ at, name: "Break-even" })),
    ],
    [chain?.spot, payoff.break_evens],
  );
  const { low, high } = extremes(points);
  return (
    <Plot
      label={`Payoff of the basket by the price of ${symbol}`}
      summary={`Payoff by the price of ${symbol} at expiry: from ${cash.plain(low)} to ${cash.plain(high)} in what is drawn; break-even ${breakEvenWords(payoff.break_evens, chain?.spot ?? null, formats)}.`}
      x={{ title: `Price of ${symbol}`, format: (value) => formats.number(value, 2) }}
      y={{ title: "Gain or loss", format: cash.short, read: cash.signed }}
      lines={lines}
      marks={marks}
      height={290}
      zero
    />
  );
}

function PointTable({ options, payoff }: { options: Options; payoff: Payoff }) {
  const formats = useFormats();
  const cash = useCash(options.underlying);
  const step = Math.max(1, Math.floor(payoff.points.length / 25));
  return (
    <TableBox label="Payoff by price">
      <table className={classes.plain}>
        <caption className="sr-only">Payoff by price</caption>
        <thead>
          <tr>
            <th scope="col">Price of {options.symbol}</th>
            <th scope="col">Today</th>
            <th scope="col">At expiry</th>
          </tr>
        </thead>
        <tbody>
          {payoff.points
            .filter((_, index) => index % step === 0)
            .map((one) => (
              <tr key={one.spot}>
                <td className="num">{formats.price(one.spot)}</td>
                <td className="num">{cash.signed(one.now)}</td>
                <td className="num">{cash.signed(one.expiry)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </TableBox>
  );
}

function GreekSums({ payoff, underlying }: { payoff: Payoff; underlying: string }) {
  const formats = useFormats();
  const cash = useCash(underlying);
  const { delta, gamma, theta, vega } = payoff.greeks;
  return (
    <dl className={classes.greeks} aria-label="Greeks of the whole basket">
      <div title="Like holding so many of the underlying">
        <dt>Delta</dt>
        <dd className="num">{formats.number(delta, 2)}</dd>
      </div>
      <div title="How delta changes with the price">
        <dt>Gamma</dt>
        <dd className="num">{formats.number(gamma, 4)}</dd>
      </div>
      <div title="What a day brings or takes">
        <dt>Theta</dt>
        <dd className="num">{cash.signed(theta)}</dd>
      </div>
      <div title="What a point of volatility brings or takes">
        <dt>Vega</dt>
        <dd className="num">{cash.signed(vega)}</dd>
      </div>
    </dl>
  );
}
