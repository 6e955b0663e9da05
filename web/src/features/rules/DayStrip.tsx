/** Firings by day as a strip of bars. The words beside it and its table say the same. */
import { useId } from "react";
import { useFormats } from "@/shared/format/use";
import { type DayBar, times } from "./preview";
import classes from "./rules.module.css";

const HEIGHT = 56;
const BAR = 10;

export function DayStrip({ days, label }: { days: DayBar[]; label: string }) {
  const formats = useFormats();
  const caption = useId();
  const width = days.length * BAR;
  const first = days[0];
  const last = days[days.length - 1];
  if (!first || !last) return null;
  return (
    <figure className={classes.strip} aria-labelledby={caption}>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        width="100%"
        height={HEIGHT}
        aria-hidden="true"
      >
        <line x1={0} x2={width} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className={classes.base} />
        {days.map((day, at) =>
          day.count > 0 ? (
            <rect
              key={day.date}
              className={classes.day}
              x={at * BAR + 1}
              width={BAR - 2}
              y={HEIGHT - Math.max(4, day.share * (HEIGHT - 4))}
              height={Math.max(4, day.share * (HEIGHT - 4))}
            >
              <title>{`${formats.day(day.date)}: ${times(day.count)}`}</title>
            </rect>
          ) : null,
        )}
      </svg>
      <div className={classes.ends} aria-hidden>
        <span>{formats.dayShort(first.date)}</span>
        <span>{formats.dayShort(last.date)}</span>
      </div>
      <figcaption id={caption} className="sr-only">
        {label}
      </figcaption>
    </figure>
  );
}
