/** A company's published and derived figures, group by group; each says what it rests on. */
import { Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fundamentalsQuery } from "@/shared/api/queries";
import type { FundamentalFact, Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useQuoteField } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import classes from "./FundamentalsPanel.module.css";
import { type Group, grouped, valueWords } from "./fundamentals";

const ALL = "All";

export function FundamentalsPanel({ stock }: { stock: Stock }) {
  const query = useQuery({ ...fundamentalsQuery(stock.instrument), refetchInterval: 60_000 });
  const clock = useMarketClock();
  const formats = useFormats();
  const [chosen, setChosen] = useState<Group | typeof ALL>("Valuation");
  const items = query.data?.items ?? [];
  const groups = grouped(items);
  const own = chosen === ALL ? undefined : (groups.find(([name]) => name === chosen) ?? groups[0]);
  const rows = own ? own[1] : items;
  const columns: Column<FundamentalFact>[] = [
    { id: "label", title: "Figure", text: (fact) => fact.label, cell: (fact) => fact.label },
    {
      id: "value",
      title: "Value",
      align: "right",
      cell: (fact) => <Value fact={fact} stock={stock} />,
    },
    {
      id: "basis",
      title: "Basis",
      text: (fact) => fact.basis,
      cell: (fact) => <Basis fact={fact} items={items} stock={stock} />,
    },
    {
      id: "period",
      title: "Period to",
      align: "right",
      cell: (fact) => <span className="num">{fact.period_end ? formats.day(fact.period_end) : "—"}</span>,
    },
    {
      id: "published",
      title: "Published",
      align: "right",
      value: (fact) => (fact.published_at ? Date.parse(fact.published_at) : null),
      cell: (fact) => (
        <span className="num" title={fact.published_at ? formats.full(fact.published_at) : undefined}>
          {formats.day(fact.published_at)}
          {(fact.version ?? 1) > 1 && <span className="dim"> restated</span>}
        </span>
      ),
    },
    { id: "source", title: "Source", text: (fact) => fact.source, cell: (fact) => fact.source },
  ];
  return (
    <Panel
      title="Fundamentals"
      source={query.data?.source}
      asOf={query.data?.as_of}
      clock={clock}
      height={320}
      flush={items.length > 0}
      {...(items.length > 0 && { onCsv: () => save(stock, items) })}
      state={stateOf(query, {
        when: items.length === 0,
        why: "The source publishes no fundamentals for this company.",
      })}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a row of switches is no fieldset of a form */}
      <div className={classes.groups} role="group" aria-label="Groups of figures">
        {[...groups.map(([name, facts]) => [name, facts.length] as const), [ALL, items.length] as const].map(
          ([name, count]) => (
            <button
              key={name}
              type="button"
              className={classes.group}
              aria-pressed={name === (own ? own[0] : ALL)}
              onClick={() => setChosen(name)}
            >
              {name} <span className="faint">{count}</span>
            </button>
          ),
        )}
      </div>
      <DataTable
        label={`Fundamentals of ${stock.symbol}: ${own ? own[0] : ALL}`}
        rows={rows}
        columns={columns}
        keyOf={(fact) => fact.name}
      />
    </Panel>
  );
}

/** What moves with the price follows the live row. */
function Value({ fact, stock }: { fact: FundamentalFact; stock: Stock }) {
  const formats = useFormats();
  const live = useQuoteField(stock.instrument, fact.name) as number | null | undefined;
  const value = fact.basis === "derived" && live !== null && live !== undefined ? live : fact.value;
  return <span className="num">{valueWords(fact.name, fact.unit, value, stock.currency, formats)}</span>;
}

function Basis({ fact, items, stock }: { fact: FundamentalFact; items: FundamentalFact[]; stock: Stock }) {
  const formats = useFormats();
  if (fact.basis === "published") return <>published</>;
  const write = (of: FundamentalFact, value: string | null) =>
    valueWords(of.name, of.unit, value, stock.currency, formats);
  const inputs = fact.inputs.flatMap((name) => {
    const input = items.find((item) => item.name === name);
    return input ? [`${input.label} ${write(input, input.value)}`] : [];
  });
  return (
    <Tooltip
      multiline
      label={
        <span className={classes.tip}>
          <span>
            {fact.label} = {fact.formula?.replaceAll(" x ", " × ")}
          </span>
          {inputs.length > 0 && <span>From {inputs.join(", ")}</span>}
          {fact.published_value !== null && (
            <span>Published itself: {write(fact, fact.published_value)}</span>
          )}
        </span>
      }
    >
      <button type="button" className={classes.basis}>
        derived
      </button>
    </Tooltip>
  );
}

function save(stock: Stock, items: FundamentalFact[]) {
  saveCsv(
    `${stock.symbol}-fundamentals`,
    ["name", "value", "unit", "basis", "formula", "period_end", "published_at", "version", "source"],
    items.map((fact) => [
      fact.name,
      fact.value,
      fact.unit,
      fact.basis,
      fact.formula,
      fact.period_end,
      fact.published_at,
      fact.version,
      fact.source,
    ]),
  );
}
