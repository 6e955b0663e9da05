/** One instrument: price, chart, what the numbers mean, and its alerts. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { BellPlus } from "lucide-react";
import { useEffect, useState } from "react";
import { ApiError } from "@/shared/api/client";
import { stockQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useJoin, useQuote } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { usePrefs, useShows } from "@/shared/prefs/prefs";
import { NEW_ALERT } from "@/shared/ui/command";
import { Panel, Skeleton, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { ChangeText, Flash } from "@/shared/ui/values";
import { WatchStar } from "@/shared/watch/WatchStar";
import { AlertsPanel, type Draft } from "./AlertsPanel";
import { ChartPanel } from "./ChartPanel";
import { DepthPanel } from "./DepthPanel";
import { FactsPanel } from "./FactsPanel";
import { FundamentalsPanel } from "./FundamentalsPanel";
import { OptionsLink } from "./OptionsLink";
import { PatternsPanel, PatternsSentence } from "./PatternsPanel";
import { RawPanel } from "./RawPanel";
import { ShareholdingPanel } from "./ShareholdingPanel";
import classes from "./SymbolPage.module.css";

export function SymbolPage() {
  const { id } = useParams({ from: "/symbol/$id" });
  const search = useSearch({ from: "/symbol/$id" });
  const navigate = useNavigate();
  const query = useQuery(stockQuery(id));
  const stock = query.data;
  const visited = usePrefs((prefs) => prefs.visited);
  useEffect(() => {
    if (!stock) return;
    seed([stock]);
    visited(stock.instrument);
    // A bare symbol in the address becomes the full id: what is shared is unambiguous.
    if (stock.instrument !== id)
      void navigate({
        to: "/symbol/$id",
        params: { id: stock.instrument },
        search: (old) => old,
        replace: true,
      });
  }, [stock, id, visited, navigate]);

  if (query.isPending) return <Skeleton height={520} />;
  if (!stock) {
    const unknown = query.error instanceof ApiError && query.error.status === 404;
    return (
      <Panel
        title={id}
        state={
          unknown
            ? {
                kind: "empty",
                why: `No instrument is called “${id}” in this source.`,
                action: (
                  <Link to="/" search={{}}>
                    Back to the overview
                  </Link>
                ),
              }
            : stateOf(query)
        }
      />
    );
  }
  return <Loaded key={stock.instrument} stock={stock} alert={search.alert} />;
}

function Loaded({ stock, alert }: { stock: Stock; alert: string | undefined }) {
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const [draft, setDraft] = useState<Draft | null>(() => readDraft(alert));
  useJoin(`instrument:${stock.instrument}`);
  useEffect(() => {
    const take = (event: Event) => {
      event.preventDefault();
      setDraft({});
    };
    window.addEventListener(NEW_ALERT, take);
    return () => window.removeEventListener(NEW_ALERT, take);
  }, []);
  return (
    <>
      <Header stock={stock} onAlert={() => setDraft({})} />
      <div className={page.grid}>
        <div className={`${page.stack} ${page.w8} ${intermediate ? "" : classes.tall}`}>
          <ChartPanel stock={stock} onCreateAt={(level) => setDraft({ level })} />
          {intermediate && stock.kind !== "index" && <FundamentalsPanel stock={stock} />}
          {advanced && <RawPanel stock={stock} />}
        </div>
        <div className={`${page.stack} ${page.w4}`}>
          <AlertsPanel stock={stock} draft={draft} onDraft={setDraft} />
          <FactsPanel stock={stock} />
          {intermediate && <DepthPanel stock={stock} />}
          {intermediate && <PatternsPanel stock={stock} />}
          {intermediate && stock.kind !== "index" && <ShareholdingPanel stock={stock} />}
        </div>
      </div>
    </>
  );
}

/** `?alert=above:1600` fills the form. */
export function readDraft(text: string | undefined): Draft | null {
  if (!text) return null;
  const [direction, level] = text.split(":");
  if ((direction === "above" || direction === "below") && level && Number.isFinite(Number(level)))
    return { direction, level };
  return {};
}

function Header({ stock, onAlert }: { stock: Stock; onAlert: () => void }) {
  const row = useQuote(stock.instrument);
  const formats = useFormats();
  const source = useSource();
  const clock = useMarketClock();
  const intermediate = useShows("intermediate");
  const basis = row.change_basis ?? stock.change_basis;
  return (
    <header className={classes.header}>
      <div className={classes.names}>
        <h1>
          {stock.symbol} <WatchStar instrument={stock.instrument} />
        </h1>
        <p className="dim">
          {[
            stock.name !== stock.symbol ? stock.name : "",
            stock.sector,
            stock.kind === "index" ? "Index" : stock.instrument.split(":")[0],
            stock.currency,
          ]
            .filter(Boolean)
            .join(" · ")}
          <OptionsLink instrument={stock.instrument} />
        </p>
      </div>
      <div className={classes.price}>
        <span className={classes.value} data-testid="price">
          <Flash value={row.close}>{formats.price(row.close, stock.tick_size)}</Flash>
        </span>
        <span className={classes.change}>
          <ChangeText value={row.change} unit="" /> <ChangeText value={row.change_pct} />
          <span className="dim"> {basis === "day_open" ? "since the open" : "since the previous close"}</span>
        </span>
        <span className={`${classes.age} num`} title={formats.full(row.event_time as number)}>
          {sourceWord(source)} ·{" "}
          {row.event_time && clock ? formats.ago(row.event_time as number, clock) : "no trade yet"}
        </span>
      </div>
      <Button leftSection={<BellPlus size={16} aria-hidden />} onClick={onAlert} className={classes.act}>
        Create alert
      </Button>
      {!intermediate && <PatternsSentence stock={stock} />}
    </header>
  );
}
