/** What if: the price, volatility and days moved by sliders. */
import { Button } from "@mantine/core";
import { useId } from "react";
import { useFormats } from "@/shared/format/use";
import { useCash } from "./cash";
import classes from "./options.module.css";
import type { Num, WhatIf } from "./types";
import type { Options } from "./useOptions";

export const STILL: WhatIf = { spot_pct: 0, iv_points: 0, days: 0 };
export const isStill = (one: WhatIf): boolean => one.spot_pct === 0 && one.iv_points === 0 && one.days === 0;

interface Props {
  options: Options;
  value: WhatIf;
  /** What the basket would be worth then; null while nothing is moved. */
  profit: Num;
  onChange: (value: WhatIf) => void;
}

export function WhatIfSliders({ options, value, profit, onChange }: Props) {
  const cash = useCash(options.underlying);
  const { chain, expiries, expiry } = options;
  const formats = useFormats();
  const days = Math.max(1, Math.ceil(expiries.find((one) => one.expiry === expiry)?.days ?? 1));
  const spot = chain?.spot ?? null;
  const moved = spot === null ? "" : ` (${formats.price(spot * (1 + value.spot_pct / 100))})`;
  return (
    <section className={classes.whatIf} aria-label="What if">
      <header>
        <h3>
          What if
          {profit !== null && (
            <span className={`num ${profit < 0 ? "down" : "up"}`}>: {cash.signed(profit)}</span>
          )}
        </h3>
        <Button size="compact-xs" variant="subtle" disabled={isStill(value)} onClick={() => onChange(STILL)}>
          As it is
        </Button>
      </header>
      <Slider
        name="Price"
        min={-10}
        max={10}
        step={0.25}
        value={value.spot_pct}
        words={`${formats.percent(value.spot_pct)}${moved}`}
        onChange={(spot_pct) => onChange({ ...value, spot_pct })}
      />
      <Slider
        name="Volatility"
        min={-10}
        max={20}
        step={0.5}
        value={value.iv_points}
        words={`${formats.signed(value.iv_points, 1)} points`}
        onChange={(iv_points) => onChange({ ...value, iv_points })}
      />
      <Slider
        name="Days"
        min={0}
        max={days}
        step={1}
        value={value.days}
        words={value.days === 0 ? "today" : `in ${value.days} ${value.days === 1 ? "day" : "days"}`}
        onChange={(passed) => onChange({ ...value, days: passed })}
      />
    </section>
  );
}

function Slider(props: {
  name: string;
  min: number;
  max: number;
  step: number;
  value: number;
  words: string;
  onChange: (value: number) => void;
}) {
  const id = useId();
  return (
    <div className={classes.slider}>
      <label htmlFor={id}>{props.name}</label>
      <input
        id={id}
        type="range"
        min={props.min}
        max={props.max}
        step={props.step}
        value={props.value}
        aria-valuetext={props.words}
        onChange={(event) => props.onChange(Number(event.currentTarget.value))}
      />
      <output htmlFor={id} className="num">
        {props.words}
      </output>
    </div>
  );
}
