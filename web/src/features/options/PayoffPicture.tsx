import classes from "./options.module.css";
import { signPieces } from "./payoff";
import { linear, spanOf } from "./plot/scale";
import type { Num, PayoffPoint } from "./types";

const WIDTH = 280;
const HEIGHT = 96;

/** The payoff at expiry as a small drawing. Decorative: the outcomes beside it say the same. */
export function PayoffPicture({ points, spot }: { points: readonly PayoffPoint[]; spot: Num }) {
  const spanX = spanOf(points.map((one) => one.spot));
  const spanY = spanOf([0, ...points.map((one) => one.expiry)], 0.12);
  if (!spanX || !spanY) return null;
  const x = linear(spanX, 0, WIDTH);
  const y = linear(spanY, HEIGHT, 0);
  const zero = y(0);
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className={classes.drawing}
      aria-hidden="true"
    >
      <line
        x1="0"
        x2={WIDTH}
        y1={zero}
        y2={zero}
        className={classes.zero}
        vectorEffect="non-scaling-stroke"
      />
      {signPieces(points).map(({ isGain, dots }, index) => {
        const path = dots.map(([at, value], place) => `${place ? "L" : "M"}${x(at)} ${y(value)}`).join("");
        const first = dots[0]?.[0] ?? 0;
        const last = dots[dots.length - 1]?.[0] ?? 0;
        const tone = isGain ? "var(--mb-up)" : "var(--mb-down)";
        return (
          <g key={index}>
            <path d={`${path}L${x(last)} ${zero}L${x(first)} ${zero}Z`} fill={tone} opacity="0.18" />
            <path d={path} fill="none" stroke={tone} strokeWidth="2" vectorEffect="non-scaling-stroke" />
          </g>
        );
      })}
      {spot !== null && spot > spanX.low && spot < spanX.high && (
        <line
          x1={x(spot)}
          x2={x(spot)}
          y1="0"
          y2={HEIGHT}
          className={classes.spotLine}
          vectorEffect="non-scaling-stroke"
        />
      )}
    </svg>
  );
}
