/**
 * Whether what a panel shows is live: offline, market closed, or stale look different and keep the last values.
 *
 * Judged by the market's room as a whole: a company that rarely trades is not stale, its age says enough.
 */
import { useEffect, useState } from "react";
import type { MarketSession } from "@/shared/api/types";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import type { PanelState } from "@/shared/ui/Panel";
import { rooms, useJoin } from "./hooks";
import { useMarketSession } from "./market";
import { type Link, useLink } from "./socket";

/** Frames come ten times a second; three missed ones are no news, five seconds are. */
export const STALE_S = 5;

export interface Facts {
  link: Link;
  session: Pick<MarketSession, "state"> | undefined;
  /** What the feeds' light says: a paused or ended feed is silent on purpose, and the banner says so. */
  feed: string | undefined;
  quietS: number;
}

export type Freshness = "live" | "offline" | "closed" | "stale";

export function judge({ link, session, feed, quietS }: Facts): Freshness {
  if (link === "lost" || link === "refused") return "offline";
  if (session && session.state === "closed") return "closed";
  if (feed === "paused" || feed === "ended") return "live";
  return session && quietS >= STALE_S ? "stale" : "live";
}

/** The panel's own state, or, where that is ready, what the live data makes of it. */
export function useFresh(own: PanelState): PanelState {
  useJoin("market");
  const link = useLink((state) => state.link);
  const session = useMarketSession();
  const formats = useFormats();
  const [[kind, seconds], setFound] = useState<[Freshness, number]>(["live", 0]);
  useEffect(() => {
    const look = () => {
      const room = rooms.state("market");
      const quietS = room.received > 0 ? Math.floor((Date.now() - room.received) / 1000) : 0;
      const lights = room.data.lights as { feeds?: { state?: string } } | undefined;
      const next = judge({ link, session, feed: lights?.feeds?.state, quietS });
      setFound((old) => (old[0] === next && next !== "stale" ? old : [next, quietS]));
    };
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [link, session]);
  if (own.kind !== "ready" || kind === "live") return own;
  if (kind === "offline") return { kind: "offline" };
  if (kind === "stale") return { kind: "stale", seconds };
  const opens = toMillis(session?.opens_at);
  return {
    kind: "closed",
    opens:
      opens === null
        ? "later"
        : `${formats.dayShort(opens)} ${formats.clock(opens, false)} ${formats.zoneWord}`,
  };
}
