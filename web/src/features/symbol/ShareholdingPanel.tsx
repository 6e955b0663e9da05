/** Who owns the company, period by period: stacked bars, or the same as a table. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { holdingsQuery } from "@/shared/api/queries";
import type { HoldingPoint, Stock } from "@/shared/api/types";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useMarketClock } from "@/shared/live/market";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import classes from "./ShareholdingPanel.module.css";

const OWNERS = [
  { id: "promoter", name: "Promoters", means: "the founders and their group" },
  { id: "fii", name: "Foreign institutions", means: "funds from abroad" },
  { id: "dii", name: "Domestic institutions", means: "funds and insurers at home" },
  { id: "public", name: "Public", means: "everybody else" },
] as const;

export function ShareholdingPanel({ stock }: { stock: Stock }) {
  const query = useQuery(holdingsQuery(stock.instrument));
  const clock = useMarketClock();
  const formats = useFormats();
  const [table, setTable] = useState(false);
  const points = query.data?.items ?? [];
  const last = points[points.length - 1];
  const columns: Column<HoldingPoint>[] = [
    {
      id: "period",
      title: "Period",
      value: (point) => Date.parse(point.period_end),
      cell: (point) => <span className="num">{formats.day(point.period_end)}</span>,
    },
    ...OWNERS.map(
      (owner): Column<HoldingPoint> => ({
        id: owner.id,
        title: owner.name.replace(" institutions", ""),
        align: "right",
        value: (point) => point[owner.id],
        cell: (point) => <span className="num">{formats.percent(point[owner.id], { sign: false })}</span>,
      }),
    ),
  ];
  return (
    <Panel
      title="Shareholding"
      source={query.data?.source}
      asOf={query.data?.as_of}
      clock={clock}
      height={200}
      onTable={() => setTable((old) => !old)}
      asTable={table}
      flush={table && points.length > 0}
      state={stateOf(query, {
        when: points.length === 0,
        why: "The source publishes no shareholding for this company.",
      })}
    >
      {table ? (
        <DataTable
          label={`Shareholding of ${stock.symbol}`}
          rows={points}
          columns={columns}
          keyOf={(point) => point.period_end}
          sort={{ id: "period", down: true }}
        />
      ) : (
        <figure className={classes.figure}>
          <div className={classes.bars} aria-hidden>
            {points.slice(-6).map((point) => (
              <div key={point.period_end} className={classes.bar} title={formats.day(point.period_end)}>
                <div className={classes.stack}>
                  {OWNERS.map((owner) => (
                    <i
                      key={owner.id}
                      data-owner={owner.id}
                      style={{ flexGrow: isKnown(point[owner.id]) ? Number(point[owner.id]) : 0 }}
                    />
                  ))}
                </div>
                <small>
                  {formats.day(point.period_end).split(" ").slice(1).join(" ").replace("20", "’")}
                </small>
              </div>
            ))}
          </div>
          <figcaption>
            <ul className={classes.legend}>
              {OWNERS.map((owner) => (
                <li key={owner.id} title={owner.means}>
                  <i data-owner={owner.id} aria-hidden />
                  <span>{owner.name}</span>
                  <b className="num">{formats.percent(last?.[owner.id], { sign: false })}</b>
                </li>
              ))}
            </ul>
          </figcaption>
        </figure>
      )}
    </Panel>
  );
}
