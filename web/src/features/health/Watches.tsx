/** What the watch has raised: something went quiet, stuck or full, since when. */
import { useQuery } from "@tanstack/react-query";
import { watchesQuery } from "@/shared/api/delivery";
import { useFormats } from "@/shared/format/use";
import { useNow } from "@/shared/live/hooks";
import classes from "./HealthPage.module.css";

export function Watches() {
  const { data } = useQuery(watchesQuery);
  const formats = useFormats();
  const now = useNow(5_000);
  if (!data) return null;
  if (data.length === 0)
    return <p className={classes.small}>The watch over all of it finds nothing amiss.</p>;
  return (
    <ul className={`${classes.lights} ${classes.raised}`} aria-label="Raised by the watch">
      {data.map((one) => (
        <li key={one.watch}>
          <i className={classes.bad} aria-hidden />
          <span>
            <b>{words(one.watch)}</b> {one.said}{" "}
            {one.since && (
              <small className="dim">since {formats.ago(one.since, now).replace(/ ago$/, "")}</small>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

const WATCHES: Record<string, string> = {
  feed_silent: "A feed is silent",
  stream_stuck: "The evaluator is stuck",
  unsent: "Messages pile up",
  disk: "The disk fills up",
  dead_letters: "Messages are given up",
  process_silent: "A process is silent",
};

function words(watch: string): string {
  const kind = watch.split(":")[0] ?? watch;
  return `${WATCHES[kind] ?? kind.replaceAll("_", " ")}:`;
}
