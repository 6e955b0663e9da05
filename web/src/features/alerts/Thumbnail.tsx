/** The bars around an alert as a small drawing. Decorative: the words beside it say the same. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, unwrap } from "@/shared/api/client";
import type { Alert } from "@/shared/api/ruleTypes";
import { candlesOf } from "@/shared/chart/candles";
import classes from "./AlertsPage.module.css";
import { storyOf } from "./inbox";

const WIDTH = 132;
const HEIGHT = 44;

const storyQuery = (alert: Alert) => {
  const { timeframe, from, to } = storyOf(alert);
  return queryOptions({
    queryKey: ["story", alert.firing_id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/stocks/{stock_id}/bars", {
          params: { path: { stock_id: alert.instrument }, query: { timeframe, from, to, limit: 120 } },
          signal,
        }),
      ),
    staleTime: 60_000,
    retry: false,
  });
};

export function Thumbnail({ alert }: { alert: Alert }) {
  const box = useRef<HTMLDivElement>(null);
  const isSeen = useSeen(box);
  const { data } = useQuery({ ...storyQuery(alert), enabled: isSeen });
  const candles = candlesOf(data?.items ?? []);
  return (
    <div ref={box} className={classes.thumbnail}>
      {candles.length > 1 && <Drawing candles={candles} alert={alert} />}
    </div>
  );
}

function Drawing({ candles, alert }: { candles: ReturnType<typeof candlesOf>; alert: Alert }) {
  const at = Date.parse(alert.event_time) / 1000;
  const level = typeof alert.values.level === "number" ? alert.values.level : null;
  const low = Math.min(...candles.map((bar) => bar.low));
  const high = Math.max(...candles.map((bar) => bar.high));
  const span = high - low || 1;
  const step = (WIDTH - 4) / candles.length;
  const y = (price: number) => HEIGHT - 3 - ((price - low) / span) * (HEIGHT - 6);
  const fired = candles.findLastIndex((bar) => bar.time <= at);
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {level !== null && level >= low && level <= high && (
        <line x1={0} x2={WIDTH} y1={y(level)} y2={y(level)} className={classes.levelLine} />
      )}
      {fired >= 0 && (
        <rect
          x={2 + fired * step - 0.5}
          y={0}
          width={Math.max(2, step)}
          height={HEIGHT}
          className={classes.moment}
        />
      )}
      {candles.map((bar, index) => {
        const x = 2 + index * step + step / 2;
        const top = y(Math.max(bar.open, bar.close));
        return (
          <g key={bar.time} className={bar.close >= bar.open ? classes.rise : classes.fall}>
            <line x1={x} x2={x} y1={y(bar.high)} y2={y(bar.low)} />
            <rect
              x={x - step * 0.35}
              width={Math.max(1, step * 0.7)}
              y={top}
              height={Math.max(1, y(Math.min(bar.open, bar.close)) - top)}
            />
          </g>
        );
      })}
    </svg>
  );
}

/** True from the first time it is near the window: what nobody scrolls to is not asked for. */
function useSeen(ref: React.RefObject<HTMLElement | null>): boolean {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const node = ref.current;
    if (!node || isSeen) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
      },
      { rootMargin: "200px" },
    );
    watcher.observe(node);
    return () => watcher.disconnect();
  }, [ref, isSeen]);
  return isSeen;
}
