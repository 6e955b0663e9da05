import { useQuery } from "@tanstack/react-query";
import { fundamentalsQuery } from "@/shared/api/queries";
import type { FundamentalFact, Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";

export function FundamentalsPanel({ stock }: { stock: Stock }) {
  const query = useQuery(fundamentalsQuery(stock.instrument));
  const clock = useMarketClock();
  const formats = useFormats();
  const advanced = useShows("advanced");
  const value = (fact: FundamentalFact) => {
    if (fact.name.endsWith("market_cap")) return formats.money(fact.value, stock.currency);
    if (PERCENT.test(fact.name) || fact.unit === "%") return formats.percent(fact.value, { sign: false });
    return formats.number(fact.value, 2, 2);
  };
  const columns: Column<FundamentalFact>[] = [
    { id: "label", title: "Figure", text: (fact) => fact.label, cell: (fact) => fact.label },
    {
      id: "value",
      title: "Value",
      align: "right",
      cell: (fact) => <span className="num">{value(fact)}</span>,
    },
    {
      id: "period",
      title: "Period",
      align: "right",
      cell: (fact) => <span className="num">{fact.period_end ? formats.day(fact.period_end) : "—"}</span>,
    },
    {
      id: "published",
      title: "Published",
      align: "right",
      value: (fact) => (fact.published_at ? Date.parse(fact.published_at) : null),
      cell: (fact) => <span className="num">{formats.day(fact.published_at)}</span>,
    },
  ];
  if (advanced) columns.push({ id: "source", title: "Source", cell: (fact) => fact.source });
  const items = query.data?.items ?? [];
  return (
    <Panel
      title="Fundamentals"
      source={query.data?.source}
      asOf={query.data?.as_of}
      clock={clock}
      height={280}
      flush={items.length > 0}
      state={stateOf(query, {
        when: items.length === 0,
        why: "The source publishes no fundamentals for this company.",
      })}
    >
      <DataTable
        label={`Fundamentals of ${stock.symbol}`}
        rows={items}
        columns={columns}
        keyOf={(fact) => fact.name}
      />
    </Panel>
  );
}

const PERCENT = /(roe|roce|yield|growth|holding|pct)/;
