/** Who entered and who left last; entries are also said, at most once in five seconds. */
import { Link } from "@tanstack/react-router";
import { LogIn, LogOut } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useFormats } from "@/shared/format/use";
import page from "@/shared/ui/page.module.css";
import { type Event, entryWords } from "./comings";
import classes from "./Screener.module.css";

const SHOWN = 6;
const GAP_MS = 5000;

export function EventStrip({ events }: { events: readonly Event[] }) {
  const formats = useFormats();
  if (events.length === 0) return <p className={classes.quiet}>Nobody has entered or left yet.</p>;
  return (
    <ol className={classes.strip} aria-label="Entered and left">
      {events.slice(0, SHOWN).map((one) => (
        <li key={`${one.event} ${one.instrument} ${one.at}`}>
          <time className="num dim" title={formats.full(one.at)}>
            {formats.clock(one.at, false)}
          </time>{" "}
          {one.event === "enter" ? <LogIn size={13} aria-hidden /> : <LogOut size={13} aria-hidden />}{" "}
          <Link to="/symbol/$id" params={{ id: one.instrument }} search={{}} className={page.link}>
            {one.instrument.split(":")[1] ?? one.instrument}
          </Link>{" "}
          {one.event === "enter" ? "entered" : "left"}
        </li>
      ))}
    </ol>
  );
}

/** Keeps what entered until it may be said. */
export function EntrySpeaker({ news, screen }: { news: readonly Event[]; screen: string }) {
  const [words, setWords] = useState("");
  const waiting = useRef<string[]>([]);
  const last = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    const entered = news.filter((one) => one.event === "enter").map((one) => one.instrument);
    if (entered.length === 0) return;
    waiting.current.push(...entered);
    timer.current ??= setTimeout(
      () => {
        timer.current = null;
        last.current = Date.now();
        setWords(entryWords([...new Set(waiting.current)], screen));
        waiting.current = [];
      },
      Math.max(0, last.current + GAP_MS - Date.now()),
    );
  }, [news, screen]);
  useEffect(
    () => () => {
      if (timer.current) clearTimeout(timer.current);
    },
    [],
  );
  return (
    <p className="sr-only" role="status">
      {words}
    </p>
  );
}
