import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { barsQuery, indicesQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { isKnown } from "@/shared/format/numbers";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { usePace, useQuote } from "@/shared/live/hooks";
import { useMarketSession } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { useShows } from "@/shared/prefs/prefs";
import { Skeleton } from "@/shared/ui/Panel";
import { ChangeText, Flash, RangeBar, Sparkline } from "@/shared/ui/values";
import classes from "./IndexCards.module.css";

export function IndexCards() {
  const indices = useQuery(indicesQuery);
  useEffect(() => seed(indices.data?.items), [indices.data]);
  if (indices.isPending) return <Skeleton height={96} />;
  const items = indices.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section className={classes.cards} aria-label="Indices">
      {items.slice(0, 6).map((index) => (
        <IndexCard key={index.instrument} index={index} />
      ))}
    </section>
  );
}

function IndexCard({ index }: { index: Stock }) {
  const row = useQuote(index.instrument);
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const beat = usePace(20_000);
  const bars = useQuery({ ...barsQuery(index.instrument, "1m", 400), refetchInterval: 20_000 });
  const opens = toMillis(useMarketSession()?.opens_at);
  const all = bars.data?.items ?? [];
  // The line is the session's; before its first minutes the session before stands in.
  const own = all.filter((bar) => opens !== null && Date.parse(bar.start) >= opens);
  const points = (own.length > 2 ? own : all).map((bar) => Number(bar.close)).filter(Number.isFinite);
  if (beat >= 0 && isKnown(row.close)) points.push(Number(row.close));
  const base = isKnown(row.close) && isKnown(row.change) ? Number(row.close) - Number(row.change) : null;
  return (
    <Link to="/symbol/$id" params={{ id: index.instrument }} search={{}} className={classes.card}>
      <span className={classes.words}>
        <span className={classes.name}>{index.name || index.symbol}</span>
        <span className={classes.value}>
          <Flash value={row.close}>{formats.price(row.close, index.tick_size)}</Flash>
        </span>
        <span className={classes.change}>
          <ChangeText value={row.change} unit="" /> <span aria-hidden>·</span>{" "}
          <ChangeText value={row.change_pct} />
        </span>
        {intermediate && (
          <RangeBar
            label="Day's range"
            low={row["day.low"]}
            high={row["day.high"]}
            value={row.close}
            tick={index.tick_size}
            showEnds
          />
        )}
      </span>
      <Sparkline points={thin(points, 120)} base={base} width={150} height={54} />
    </Link>
  );
}

function thin(points: number[], most: number): number[] {
  if (points.length <= most) return points;
  const step = points.length / most;
  const kept = Array.from({ length: most }, (_, index) => points[Math.floor(index * step)] ?? 0);
  kept.push(points[points.length - 1] ?? 0);
  return kept;
}
