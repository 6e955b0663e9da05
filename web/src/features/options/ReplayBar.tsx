/** Any stored minute again: a slider over the moments of the chain, which plays them by itself. */
import { ActionIcon, Button, SegmentedControl, Tooltip } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { History, Pause, Play, StepBack, StepForward } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { usePageKeys } from "@/shared/ui/keys";
import { chainQuery, timesQuery } from "./api";
import { atMoment, dayOf } from "./moments";
import classes from "./options.module.css";
import type { Options } from "./useOptions";

const SPEEDS = ["1", "4", "10"] as const;

export function ReplayBar({ options }: { options: Options }) {
  const { asOf, chain, go } = options;
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const [isOpen, setOpen] = useState(asOf !== undefined);
  if (isOpen && intermediate) return <Player options={options} onClose={() => setOpen(false)} />;
  if (asOf)
    return (
      <div className={classes.replay} data-past>
        <History size={16} aria-hidden />
        <span>
          The chain as it was at <b className="num">{formats.full(chain?.as_of ?? asOf)}</b>
        </span>
        <Button size="compact-xs" variant="default" onClick={() => go({ as_of: undefined })}>
          Back to the newest
        </Button>
      </div>
    );
  if (!intermediate) return null;
  return (
    <p className={classes.replayOpen}>
      <button type="button" className={classes.textButton} onClick={() => setOpen(true)}>
        <History size={14} aria-hidden /> Look at earlier minutes
      </button>
    </p>
  );
}

function Player({ options, onClose }: { options: Options; onClose: () => void }) {
  const { underlying, expiry, expiries, asOf, chain, model, rate, go } = options;
  const formats = useFormats();
  const client = useQueryClient();
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<string>("4");
  const newest = expiries.find((one) => one.expiry === expiry)?.as_of ?? chain?.as_of ?? null;
  const { from, to } = dayOf(asOf ?? newest);
  const query = useQuery(timesQuery(underlying, expiry, from, to));
  const times = query.data ?? [];
  const at = atMoment(times, asOf);
  const isLast = at >= times.length - 1;

  const show = useCallback(
    (index: number) => {
      const moment = times[Math.max(0, Math.min(times.length - 1, index))];
      if (moment != null) go({ as_of: String(moment) });
    },
    [times, go],
  );
  const step = (by: number) => {
    setPlaying(false);
    show(at + by);
  };
  const play = () => {
    if (times.length < 2) return;
    if (!isPlaying && (isLast || asOf === undefined)) show(0);
    setPlaying(!isPlaying);
  };
  const close = () => {
    setPlaying(false);
    go({ as_of: undefined });
    onClose();
  };
  usePageKeys({ l: play, ",": () => step(-1), ".": () => step(1) });

  // The next minute comes when this one has been drawn and its time is up: a slow server slows the film, no more.
  const isDrawn = asOf !== undefined && toMillis(chain?.as_of) === toMillis(asOf);
  useEffect(() => {
    if (!isPlaying) return;
    if (isLast && asOf !== undefined) {
      setPlaying(false);
      return;
    }
    if (!isDrawn) return;
    const next = times[at + 1];
    const asRate = rate === undefined ? undefined : rate / 100;
    if (next != null)
      void client.prefetchQuery(chainQuery({ underlying, expiry, as_of: String(next), model, rate: asRate }));
    const timer = setTimeout(() => show(at + 1), 1000 / Number(speed));
    return () => clearTimeout(timer);
  }, [isPlaying, isDrawn, isLast, asOf, at, speed, show, times, client, underlying, expiry, model, rate]);

  const words = formats.full(asOf ?? newest);
  return (
    <section
      className={classes.replay}
      aria-label="Replay of stored minutes"
      data-past={asOf !== undefined || undefined}
    >
      <Tooltip label="Play or pause (L)">
        <ActionIcon
          aria-label={isPlaying ? "Pause the replay" : "Play the replay"}
          disabled={times.length < 2}
          onClick={play}
        >
          {isPlaying ? <Pause size={16} aria-hidden /> : <Play size={16} aria-hidden />}
        </ActionIcon>
      </Tooltip>
      <Tooltip label="A minute back (,)">
        <ActionIcon aria-label="A minute back" disabled={at <= 0} onClick={() => step(-1)}>
          <StepBack size={16} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="A minute on (.)">
        <ActionIcon aria-label="A minute on" disabled={isLast} onClick={() => step(1)}>
          <StepForward size={16} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <input
        type="range"
        className={classes.film}
        aria-label="Moment"
        min={0}
        max={Math.max(0, times.length - 1)}
        value={Math.max(0, at)}
        disabled={times.length < 2}
        aria-valuetext={words}
        onKeyDown={(event) => {
          if (event.key !== " ") return;
          event.preventDefault();
          play();
        }}
        onChange={(event) => {
          setPlaying(false);
          show(Number(event.currentTarget.value));
        }}
      />
      <span className={`num ${classes.moment}`}>{words}</span>
      <span className="dim num">
        {times.length === 0
          ? query.isPending
            ? "…"
            : (query.error?.message ?? "no earlier minute is kept")
          : `${at + 1} of ${times.length}`}
      </span>
      <SegmentedControl
        size="xs"
        aria-label="Minutes a second"
        data={SPEEDS.map((value) => ({ value, label: `×${value}` }))}
        value={speed}
        onChange={setSpeed}
      />
      <Button size="compact-xs" variant="default" onClick={close}>
        Back to the newest
      </Button>
    </section>
  );
}
