/** The options on one underlying: three views of the same chain, from three examples to everything. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { ApiError } from "@/shared/api/client";
import { stockQuery } from "@/shared/api/queries";
import { useFormats } from "@/shared/format/use";
import { useJoin, useQuote } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { usePrefs, useShows } from "@/shared/prefs/prefs";
import { Panel, Skeleton, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { ChangeText, Flash } from "@/shared/ui/values";
import { AlertMenu } from "./AlertMenu";
import { ChainPanel } from "./ChainPanel";
import { ExpiryTabs, PANEL_ID } from "./ExpiryTabs";
import { HowToGetChains } from "./HowToGetChains";
import { MetricsPanel } from "./MetricsPanel";
import { standing } from "./moments";
import classes from "./options.module.css";
import { PayoffPanel } from "./PayoffPanel";
import { ReplayBar } from "./ReplayBar";
import { SimpleChain } from "./SimpleChain";
import type { Expiry } from "./types";
import { type Options, useExpiries, useOptions } from "./useOptions";
import { Views } from "./Views";
import { sourceOf } from "./words";

// What lies below the chain comes after it.
const Studies = lazy(() => import("./Studies").then((module) => ({ default: module.Studies })));

export function UnderlyingPage() {
  const { underlying } = useParams({ from: "/options/$underlying" });
  const navigate = useNavigate();
  const expiries = useExpiries(underlying);
  const key = expiries.data?.underlying;
  useEffect(() => {
    // A bare symbol in the address becomes the full key: what is shared is unambiguous.
    if (key && key !== underlying)
      void navigate({
        to: "/options/$underlying",
        params: { underlying: key },
        search: (old) => old,
        replace: true,
      });
  }, [key, underlying, navigate]);

  if (expiries.isPending) return <Skeleton height={520} />;
  const items = standing(expiries.data?.items ?? []);
  if (items.length > 0) return <Loaded key={underlying} underlying={key || underlying} expiries={items} />;
  const isUnknown = expiries.error instanceof ApiError && expiries.error.status === 404;
  return (
    <>
      <Back />
      <Panel
        title={`Options on ${underlying.split(":").pop()}`}
        state={
          isUnknown || !expiries.isError
            ? {
                kind: "empty",
                why: expiries.error?.message ?? `No option chain of ${underlying} has come in yet.`,
                action: <HowToGetChains />,
              }
            : stateOf(expiries)
        }
      />
    </>
  );
}

const Back = () => (
  <p className={classes.back}>
    <Link to="/options" className={page.link}>
      ← All underlyings
    </Link>
  </p>
);

function Loaded({ underlying, expiries }: { underlying: string; expiries: readonly Expiry[] }) {
  const { options, query } = useOptions(underlying, expiries);
  const visited = usePrefs((prefs) => prefs.visited);
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  useEffect(() => visited(underlying), [visited, underlying]);
  const state = stateOf(query, {
    when: query.data?.strikes.length === 0,
    why: "This chain has no strikes.",
  });
  return (
    <>
      <Header options={options} />
      <ReplayBar options={options} />
      <ExpiryTabs options={options} />
      <div id={PANEL_ID} role="tabpanel" aria-label={`Expiry ${options.expiry}`} className={page.stack}>
        {intermediate && <MetricsPanel options={options} />}
        {!intermediate && <Views options={options} />}
        <div className={page.grid}>
          {advanced ? (
            <>
              <ChainPanel options={options} state={state} />
              <PayoffPanel options={options} />
            </>
          ) : intermediate ? (
            <>
              <ChainPanel options={options} state={state} className={page.w7} />
              <PayoffPanel options={options} className={page.w5} />
            </>
          ) : (
            <>
              <PayoffPanel options={options} className={page.w6} />
              <SimpleChain options={options} state={state} className={page.w6} />
            </>
          )}
        </div>
        {intermediate && (
          <Suspense fallback={<Skeleton height={360} />}>
            <Studies options={options} />
          </Suspense>
        )}
      </div>
    </>
  );
}

function Header({ options }: { options: Options }) {
  const { underlying, chain, symbol, asOf } = options;
  const formats = useFormats();
  const clock = useMarketClock();
  const intermediate = useShows("intermediate");
  const stock = useQuery({ ...stockQuery(underlying), retry: false });
  useJoin(asOf ? null : `instrument:${underlying}`);
  useEffect(() => seed(stock.data ? [stock.data] : undefined), [stock.data]);
  const row = useQuote(underlying);
  // In a replay of the page's own the price is the chain's; otherwise the market's where it has one.
  const live = asOf ? null : row.close;
  const price = live ?? chain?.spot ?? null;
  const move = chain?.metrics.expected_move;
  return (
    <header className={classes.header}>
      <div className={classes.names}>
        <h1>
          {symbol} options {chain?.is_simulated && <span className={classes.tag}>SIMULATED</span>}
        </h1>
        <p className="dim">
          <Link to="/options" className={page.link}>
            All underlyings
          </Link>{" "}
          ·{" "}
          <Link to="/symbol/$id" params={{ id: underlying }} search={{}} className={page.link}>
            Chart of {symbol}
          </Link>
          {stock.data?.name && stock.data.name !== symbol && ` · ${stock.data.name}`}
        </p>
      </div>
      <div className={classes.price}>
        <span className={classes.value} data-testid="spot">
          <Flash value={price}>{formats.price(price)}</Flash>
        </span>
        {!asOf && row.change_pct !== undefined && <ChangeText value={row.change_pct} />}
        <span className={classes.age} title={formats.full(chain?.as_of)}>
          {chain && sourceOf(chain)} · chain{" "}
          {chain?.as_of && clock && !asOf ? formats.ago(chain.as_of, clock) : formats.full(chain?.as_of)}
        </span>
      </div>
      {!intermediate && typeof move === "number" && chain?.spot && (
        <p className={classes.sentence}>
          By the option prices {symbol} stays within <b className="num">±{formats.price(move)}</b> (
          <span className="num">
            {formats.percent((move / chain.spot) * 100, { sign: false, digits: 1 })}
          </span>
          ) until {formats.day(`${options.expiry}T06:30:00Z`)}, two times in three.
        </p>
      )}
      <AlertMenu underlying={underlying} symbol={symbol} />
    </header>
  );
}
