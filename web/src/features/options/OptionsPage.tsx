/** Which underlyings have option chains. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useFormats } from "@/shared/format/use";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { ChangeText } from "@/shared/ui/values";
import { underlyingsQuery } from "./api";
import { HowToGetChains } from "./HowToGetChains";
import classes from "./options.module.css";
import type { Underlying } from "./types";
import { pcrWords } from "./words";

export function OptionsPage() {
  const query = useQuery(underlyingsQuery);
  const navigate = useNavigate();
  const clock = useMarketClock();
  const columns = useColumns();
  const items = query.data ?? [];
  const isSimulated = items.some((one) => one.is_simulated);
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Options</h1>
          <p>Choose what the options are on: an index or a company. The nearest expiry is shown first.</p>
        </div>
      </div>
      <Panel
        title="Underlyings with option chains"
        source={isSimulated ? "SIMULATED" : null}
        asOf={newest(items)}
        clock={clock}
        flush={items.length > 0}
        height={260}
        state={stateOf(query, {
          when: items.length === 0,
          why: "No option chain has come in yet.",
          action: <HowToGetChains />,
        })}
        {...(items.length > 0 && {
          onCsv: () =>
            saveCsv(
              "underlyings",
              ["underlying", "name", "spot", "change_pct", "atm_iv", "pcr_oi", "expiries", "as_of"],
              items.map((one) => [
                one.underlying,
                one.name,
                one.spot,
                one.change_pct,
                one.atm_iv,
                one.pcr_oi,
                one.expiries.length,
                one.as_of,
              ]),
            ),
        })}
      >
        <DataTable
          label="Underlyings with option chains"
          rows={items}
          columns={columns}
          keyOf={(one) => one.underlying}
          onOpen={(one) =>
            void navigate({ to: "/options/$underlying", params: { underlying: one.underlying }, search: {} })
          }
          height={640}
        />
      </Panel>
    </>
  );
}

/** Times of one list share a format: the text that is greatest is the newest. */
function newest(items: readonly Underlying[]) {
  return items.map((one) => one.as_of).reduce((a, b) => ((b ?? "") > (a ?? "") ? b : a), null);
}

function useColumns(): Column<Underlying>[] {
  const formats = useFormats();
  const clock = useMarketClock();
  const intermediate = useShows("intermediate");
  const columns: (Column<Underlying> | false)[] = [
    {
      id: "symbol",
      title: "Underlying",
      text: (one) => one.symbol,
      cell: (one) => (
        <span className={page.two}>
          <span>
            <Link
              to="/options/$underlying"
              params={{ underlying: one.underlying }}
              search={{}}
              className={page.link}
            >
              {one.symbol}
            </Link>
            {one.is_simulated && <span className={classes.tag}>SIMULATED</span>}
          </span>
          {one.name && one.name !== one.symbol && <small>{one.name}</small>}
        </span>
      ),
    },
    {
      id: "spot",
      title: "Price",
      align: "right",
      value: (one) => one.spot,
      cell: (one) => <span className="num">{formats.price(one.spot)}</span>,
    },
    {
      id: "change",
      title: "Change",
      align: "right",
      value: (one) => one.change_pct,
      cell: (one) => <ChangeText value={one.change_pct} />,
    },
    {
      id: "expiry",
      title: "Next expiry",
      align: "right",
      text: (one) => one.expiries[0] ?? "",
      cell: (one) => (
        <span className="num">
          {one.expiries[0] ? formats.day(`${one.expiries[0]}T06:30:00Z`) : "—"}
          {one.expiries.length > 1 && <span className="dim"> +{one.expiries.length - 1}</span>}
        </span>
      ),
    },
    {
      id: "iv",
      title: "ATM IV",
      about:
        "Implied volatility at the money, nearest expiry: how far the market expects the price to move in a year",
      align: "right",
      value: (one) => one.atm_iv,
      cell: (one) => <span className="num">{formats.percent(one.atm_iv, { sign: false, digits: 1 })}</span>,
    },
    {
      id: "pcr",
      title: intermediate ? "PCR (OI)" : "Puts to calls",
      about: "Open interest of puts over that of calls, nearest expiry",
      align: "right",
      value: (one) => one.pcr_oi,
      cell: (one) => (
        <span className="num" title={pcrWords(one.pcr_oi)}>
          {formats.number(one.pcr_oi, 2, 2)}
        </span>
      ),
    },
    intermediate && {
      id: "age",
      title: "Age",
      align: "right",
      text: (one) => String(one.as_of ?? ""),
      cell: (one) => (
        <time className="num dim" title={formats.full(one.as_of)}>
          {one.as_of && clock ? formats.ago(one.as_of, clock) : formats.clock(one.as_of)}
        </time>
      ),
    },
  ];
  return columns.filter((one) => one !== false);
}
