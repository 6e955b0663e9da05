/** Permanent stripes whenever the prices are not the live market: what they are, when, and how fast. */
import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Gauge, Pause, Play } from "lucide-react";
import { useEffect } from "react";
import { feedsQuery, useFeedControl } from "@/shared/api/queries";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useMarketClock, useSource } from "@/shared/live/market";
import classes from "./SourceBanner.module.css";

const KEPT = "marketbell.banner";
const SPEEDS = [1, 5, 20, 60, 300] as const;

export function SourceBanner() {
  const source = useSource();
  const clock = useMarketClock();
  const formats = useFormats();
  const feeds = useQuery(feedsQuery);
  const control = useFeedControl();
  const isShown = source && (source.is_simulated || source.kind === "replay" || source.kind === "demo");
  useEffect(() => {
    if (isShown !== undefined) localStorage.setItem(KEPT, isShown ? "shown" : "none");
  }, [isShown]);
  // Before the first answer its place is kept as it was the last time, so that the page does not jump.
  if (!source && localStorage.getItem(KEPT) !== "none")
    return <aside className={classes.banner} aria-hidden />;
  if (!isShown) return null;
  const feed = feeds.data?.items.find((one) => one.kind === source.kind) ?? feeds.data?.items[0];
  const paused = feed?.state === "paused";
  const ended = feed?.state === "ended";
  // What the controls were set to last; a feed that was never touched runs at its own speed.
  const set = feeds.data?.control.speed;
  const speed = typeof set === "number" || typeof set === "string" ? set : source.speed;
  const words = source.is_simulated
    ? "SIMULATED market: the companies and prices are made up"
    : "REPLAY of a recorded day: these are not today's prices";
  return (
    <aside className={classes.banner} aria-label="Where these prices come from">
      <p className={classes.words}>
        <strong>{source.is_simulated ? "SIMULATED" : "REPLAY"}</strong>
        <span className={classes.long}>{words.replace(/^(SIMULATED|REPLAY) /, "")}</span>
      </p>
      <div className={classes.right}>
        <span className="num" title={formats.full(clock)}>
          {toMillis(clock) === null ? (
            "waiting for the first tick"
          ) : (
            <>
              <span className={classes.date}>{formats.day(clock)}, </span>
              {formats.clock(clock)} {formats.zoneWord}
            </>
          )}
        </span>
        {ended && <span className={classes.tag}>ended</span>}
        {paused && <span className={classes.tag}>paused</span>}
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <button
              type="button"
              className={classes.speed}
              aria-label={`Speed: ${speedWord(speed)}. Change it`}
            >
              <Gauge size={14} aria-hidden /> <span className="num">{speedWord(speed)}</span>
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>Market seconds per second</Menu.Label>
            {SPEEDS.map((one) => (
              <Menu.Item
                key={one}
                onClick={() => control.mutate({ speed: one })}
                fw={Number(speed) === one ? 600 : undefined}
              >
                ×{one}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Tooltip label={paused ? "Resume" : "Pause"}>
          <ActionIcon
            aria-label={paused ? "Resume the market" : "Pause the market"}
            size={26}
            className={classes.button}
            disabled={ended || control.isPending}
            onClick={() => control.mutate({ paused: !paused })}
          >
            {paused ? <Play size={15} aria-hidden /> : <Pause size={15} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      </div>
    </aside>
  );
}

function speedWord(speed: number | string | null | undefined): string {
  if (speed === null || speed === undefined || speed === "") return "×1";
  const value = Number(speed);
  return Number.isFinite(value) && value > 0 ? `×${Math.round(value * 100) / 100}` : "max";
}
