import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { sourceWord, useBreadth, useMarketClock, useSource } from "@/shared/live/market";
import { Panel } from "@/shared/ui/Panel";
import classes from "./BreadthPanel.module.css";

export function BreadthPanel() {
  const breadth = useBreadth();
  const source = useSource();
  const clock = useMarketClock();
  const formats = useFormats();
  const known = breadth ? breadth.advances + breadth.declines + breadth.unchanged : 0;
  const parts = breadth
    ? ([
        ["Rising", "▲", breadth.advances, classes.up],
        ["Unchanged", "■", breadth.unchanged, classes.flat],
        ["Falling", "▼", breadth.declines, classes.down],
      ] as const)
    : [];
  const state = useFresh(breadth ? { kind: "ready" } : { kind: "loading" });
  return (
    <Panel title="Breadth" source={sourceWord(source)} asOf={clock} clock={clock} height={64} state={state}>
      <div className={classes.bar} aria-hidden>
        {known > 0 &&
          parts.map(([name, , count, tone]) => (
            <i key={name} className={tone} style={{ flexGrow: count }} hidden={count === 0} />
          ))}
      </div>
      <dl className={classes.words}>
        {parts.map(([name, arrow, count]) => (
          <div key={name}>
            <dt>
              <span aria-hidden>{arrow} </span>
              {name}
            </dt>
            <dd className="num">{formats.count(count)}</dd>
          </div>
        ))}
      </dl>
      {breadth !== undefined && breadth.unknown > 0 && (
        <p className={classes.note}>{formats.count(breadth.unknown)} have no change yet</p>
      )}
    </Panel>
  );
}
