/** Search, market state, the three lights, mode and the bell: on every page. */
import { ActionIcon, SegmentedControl, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bell, CircleHelp, Moon, Search, Sun } from "lucide-react";
import { alertsQuery, sessionQuery } from "@/shared/api/queries";
import { duration, toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useJoin } from "@/shared/live/hooks";
import { useMarketClock, useMarketSession } from "@/shared/live/market";
import { type Mode, usePrefs } from "@/shared/prefs/prefs";
import { openCommand } from "@/shared/ui/command";
import { Lights } from "./Lights";
import classes from "./TopBar.module.css";

const MODE_WORDS: { value: Mode; label: string }[] = [
  { value: "beginner", label: "Beginner" },
  { value: "intermediate", label: "Intermediate" },
  { value: "advanced", label: "Advanced" },
];

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const mode = usePrefs((prefs) => prefs.mode);
  const set = usePrefs((prefs) => prefs.set);
  return (
    <header className={classes.bar}>
      <button
        type="button"
        className={classes.search}
        aria-label="Search a company or type a command"
        onClick={() => openCommand()}
      >
        <Search size={16} aria-hidden />
        <span className={classes.searchWords}>Search a company or type a command</span>
        <kbd aria-hidden>/</kbd>
      </button>
      <MarketState />
      <div className={classes.end}>
        <Lights />
        <SegmentedControl
          className={classes.modes}
          size="xs"
          aria-label="How much to show"
          data={MODE_WORDS}
          value={mode}
          onChange={(value) => set({ mode: value as Mode })}
        />
        <ActionIcon aria-label="Keyboard and help" onClick={onHelp} className={classes.help}>
          <CircleHelp size={18} aria-hidden />
        </ActionIcon>
        <UnreadBell />
      </div>
    </header>
  );
}

function MarketState() {
  const session = useMarketSession();
  const clock = useMarketClock();
  const formats = useFormats();
  if (!session) return <span className={classes.market} />;
  const open = session.state === "open";
  const until = toMillis(open ? session.closes_at : session.opens_at);
  const left = until !== null && clock !== null ? (until - clock) / 1000 : null;
  const words = open ? "Market open" : session.state === "pre" ? "Pre-open" : "Market closed";
  return (
    <span
      className={classes.market}
      title={`Calendar ${session.calendar ?? "unknown"}, market clock ${formats.full(clock)}`}
    >
      {open ? <Sun size={15} aria-hidden /> : <Moon size={15} aria-hidden />}
      <span>
        {words}
        {left !== null && left > 0 && (
          <span className="dim num">
            {" · "}
            {open ? "closes in " : "opens in "}
            {duration(left > 120 ? Math.floor(left / 60) * 60 : left)}
          </span>
        )}
      </span>
    </span>
  );
}

function UnreadBell() {
  const { data } = useQuery(alertsQuery);
  const owner = useQuery(sessionQuery).data?.owner;
  useJoin(owner ? `user:${owner}` : null);
  const unread = data?.unread ?? 0;
  const words = unread ? `Alerts: ${unread} unread` : "Alerts: none unread";
  return (
    <span className={classes.bell}>
      <Tooltip label={words}>
        <ActionIcon component={Link} to="/alerts" aria-label={words}>
          <Bell size={18} aria-hidden />
        </ActionIcon>
      </Tooltip>
      {unread > 0 && (
        <span className={classes.count} aria-hidden>
          {unread > 99 ? "99+" : unread}
        </span>
      )}
    </span>
  );
}
