/** Key facts; in beginner mode each says in a line what it means. */
import type { ReactNode } from "react";
import type { Stock } from "@/shared/api/types";
import { isKnown, type Numeric } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { useQuote } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { shows, usePrefs } from "@/shared/prefs/prefs";
import { Panel } from "@/shared/ui/Panel";
import { ChangeText, Missing, RangeBar } from "@/shared/ui/values";
import classes from "./FactsPanel.module.css";

interface Fact {
  name: string;
  means: string;
  value: ReactNode;
  from?: "intermediate" | "advanced";
  known: boolean;
  why?: string;
  wide?: boolean;
}

export function FactsPanel({ stock }: { stock: Stock }) {
  const row = useQuote(stock.instrument);
  const formats = useFormats();
  const mode = usePrefs((prefs) => prefs.mode);
  const source = useSource();
  const clock = useMarketClock();
  const tick = stock.tick_size;
  const index = stock.kind === "index";
  const fund = (name: keyof Stock["fund"]): Numeric => (row[`fund.${name}`] ?? stock.fund[name]) as Numeric;
  const price = (value: Numeric) => <span className="num">{formats.price(value, tick)}</span>;
  const noFund = "The source publishes no fundamentals for this instrument";
  const facts: Fact[] = [
    {
      name: "Day's range",
      means: "Lowest and highest price of this session.",
      value: (
        <RangeBar
          label="Day's range"
          low={row["day.low"]}
          high={row["day.high"]}
          value={row.close}
          tick={tick}
          showEnds
        />
      ),
      known: isKnown(row["day.low"]),
      why: "Nothing has traded in this session",
      wide: true,
    },
    {
      name: "52-week range",
      means: "Lowest and highest price of the last year.",
      value: (
        <RangeBar
          label="52-week range"
          low={row.low_52w}
          high={row.high_52w}
          value={row.close}
          tick={tick}
          showEnds
        />
      ),
      known: isKnown(row.low_52w) && isKnown(row.high_52w),
      why: "The source has no daily history for this instrument",
      wide: true,
    },
    {
      name: "Open",
      means: "First price of the session.",
      value: price(row["day.open"]),
      known: isKnown(row["day.open"]),
    },
    {
      name: "Previous close",
      means: "Last price of the session before.",
      value: price(row["prev_day.close"]),
      known: isKnown(row["prev_day.close"]),
      why: "The source has no session before this one",
    },
    {
      name: "Volume",
      means: "How many shares changed hands today.",
      value: (
        <span className="num" title={formats.count(row["day.volume"] ?? row.volume)}>
          {formats.compact(row["day.volume"] ?? row.volume)}
        </span>
      ),
      known: !index && isKnown(row["day.volume"] ?? row.volume),
      why: index ? "An index is not traded itself" : "No volume yet",
    },
    {
      name: "Market value",
      means: "Price times all shares: what the whole company costs.",
      value: <span className="num">{formats.money(fund("market_cap"), stock.currency)}</span>,
      known: isKnown(fund("market_cap")),
      why: noFund,
    },
    {
      name: "P/E",
      means: "Price for one rupee of yearly profit. Lower is cheaper.",
      value: <span className="num">{formats.number(fund("pe"), 2, 2)}</span>,
      known: isKnown(fund("pe")),
      why: noFund,
    },
    {
      name: "Dividend yield",
      means: "Dividends of a year as a share of the price.",
      value: <span className="num">{formats.percent(fund("dividend_yield"), { sign: false })}</span>,
      known: isKnown(fund("dividend_yield")),
      why: noFund,
    },
    {
      name: "VWAP",
      means: "Average price of the session, weighted by volume.",
      value: price(row.vwap),
      from: "intermediate",
      known: !index && isKnown(row.vwap),
      why: index ? "An index is not traded itself" : "No volume yet",
    },
    {
      name: "Turnover",
      means: "Money that changed hands today.",
      value: <span className="num">{formats.money(row.turnover, stock.currency)}</span>,
      from: "intermediate",
      known: !index && isKnown(row.turnover),
      why: index ? "An index is not traded itself" : "No volume yet",
    },
    {
      name: "From 52w high",
      means: "How far the price is below its highest of a year.",
      value: <ChangeText value={row.from_high_52w_pct} />,
      from: "intermediate",
      known: isKnown(row.from_high_52w_pct),
      why: "The source has no daily history for this instrument",
    },
    {
      name: "Volatility",
      means: "How much the price swings, per year.",
      value: <span className="num">{formats.percent(row.volatility, { sign: false, digits: 1 })}</span>,
      from: "intermediate",
      known: isKnown(row.volatility),
      why: "Needs twenty one-minute bars first",
    },
    {
      name: "Volume spike",
      means: "The last minute's volume in standard deviations.",
      value: <span className="num">{formats.number(row.volume_spike, 2, 2)} σ</span>,
      from: "advanced",
      known: isKnown(row.volume_spike),
      why: "Needs more closed minutes",
    },
    {
      name: "Trades",
      means: "Accepted ticks of the session.",
      value: <span className="num">{formats.count(row["day.trades"])}</span>,
      from: "advanced",
      known: isKnown(row["day.trades"]),
    },
  ];
  const state = useFresh({ kind: "ready" });
  const shown = facts.filter((fact) => !fact.from || shows(mode, fact.from));
  return (
    <Panel
      title="Key facts"
      state={state}
      source={sourceWord(source)}
      asOf={row.event_time as number}
      clock={clock}
    >
      <dl className={classes.facts} data-mode={mode}>
        {shown.map((fact) => (
          <div key={fact.name} className={fact.wide ? classes.wide : undefined}>
            <dt title={fact.means}>
              {fact.name}
              {mode === "beginner" && <small>{fact.means}</small>}
            </dt>
            <dd>{fact.known ? fact.value : <Missing why={fact.why ?? "Not known yet"} />}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
