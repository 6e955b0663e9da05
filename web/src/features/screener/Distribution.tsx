/** How a field is spread over all companies, and which part a condition would take. */
import { useQuery } from "@tanstack/react-query";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { distributionQuery } from "./api";
import { valueText } from "./cells";
import classes from "./Screener.module.css";
import { share } from "./spread";
import type { Distribution as Spread } from "./types";

interface Props {
  field: string;
  label: string;
  type: string;
  /** What the condition takes; null for no limit on that side. */
  low: number | null;
  high: number | null;
  onPick: (value: string) => void;
}

const WIDTH = 320;
const HEIGHT = 56;

export function Distribution(props: Props) {
  const spread = useQuery(distributionQuery(props.field));
  if (spread.isPending) return <div className={classes.spread} />;
  // Without it a condition can still be written.
  if (!spread.data || spread.data.known === 0)
    return <p className={classes.hint}>No company's {props.label} is known now.</p>;
  return <Bars {...props} spread={spread.data} />;
}

function Bars({ spread, label, type, low, high, onPick }: Props & { spread: Spread }) {
  const formats = useFormats();
  const say = (value: number) => valueText(value, type, formats) ?? "";
  const tallest = Math.max(1, ...spread.bins.map((bin) => bin.count));
  const step = WIDTH / Math.max(1, spread.bins.length);
  const [, quarter, half, most] = spread.quantiles;
  const pick = (value: number | undefined) =>
    value !== undefined && (
      <button type="button" className={classes.pick} onClick={() => onPick(plain(value))}>
        <span className="sr-only">Take </span>
        {say(value)}
      </button>
    );
  return (
    <div className={classes.spread}>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width="100%"
        height={HEIGHT}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {spread.bins.map((bin, index) => {
          const height = bin.count === 0 ? 0 : Math.max(1.5, (bin.count / tallest) * HEIGHT);
          const taken = share(bin, low, high);
          const bar = { x: index * step + 0.5, width: Math.max(1, step - 1) };
          return (
            <g key={bin.from}>
              <rect {...bar} y={HEIGHT - height} height={height} className={classes.bar} />
              {taken > 0 && (
                <rect
                  {...bar}
                  y={HEIGHT - height}
                  height={height}
                  className={classes.taken}
                  opacity={taken < 1 ? 0.6 : 1}
                />
              )}
            </g>
          );
        })}
      </svg>
      <div className={`${classes.ends} num`} aria-hidden>
        <span>{isKnown(spread.min) ? say(Number(spread.min)) : ""}</span>
        <span>{isKnown(spread.max) ? say(Number(spread.max)) : ""}</span>
      </div>
      <p className={classes.hint}>
        A quarter are under {pick(quarter)}, half under {pick(half)}, three quarters under {pick(most)}.
        {spread.unknown > 0 && ` ${formats.count(spread.unknown)} companies' ${label} is not known.`}
      </p>
    </div>
  );
}

/** A value as one would type it. */
const plain = (value: number): string => String(Number(value.toPrecision(4)));
