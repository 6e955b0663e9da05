/** Abnormal patterns: which show, what they rest on, and since when. Suspicions, never findings. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { api, unwrap } from "@/shared/api/client";
import type { PatternItem, Stock } from "@/shared/api/types";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { quotes } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, stateOf } from "@/shared/ui/Panel";
import classes from "./PatternsPanel.module.css";
import {
  measuredWords,
  numberWords,
  PATTERN_NAMES,
  type PatternState,
  plainWords,
  spanWords,
  stateOfFlag,
} from "./patterns";

/** The evidence is written a moment behind the flag. */
const AFTER_MS = 700;

const evidenceQuery = (id: string) =>
  queryOptions({
    queryKey: ["evidence", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/stocks/{stock_id}/evidence", { params: { path: { stock_id: id } }, signal })),
    refetchInterval: 30_000,
  });

/** The live flags by pattern; renders only when one of them changes. */
function useFlags(instrument: string): Record<string, PatternState | undefined> {
  const subscribe = useCallback((listener: () => void) => quotes.listen(instrument, listener), [instrument]);
  const sign = useSyncExternalStore(subscribe, () => {
    const row = quotes.get(instrument);
    return PATTERN_NAMES.map((name) => {
      const flag = row[`abnormal.${name}`];
      return flag === undefined ? "" : stateOfFlag(flag);
    }).join(" ");
  });
  return useMemo(() => {
    const states = sign.split(" ");
    return Object.fromEntries(
      PATTERN_NAMES.map((name, at) => [name, (states[at] || undefined) as PatternState | undefined]),
    );
  }, [sign]);
}

/** Beginner: one sentence where something shows, nothing where nothing does. */
export function PatternsSentence({ stock }: { stock: Stock }) {
  const flags = useFlags(stock.instrument);
  const shown = PATTERN_NAMES.filter((name) => flags[name] === "present");
  if (shown.length === 0) return null;
  return (
    <p className={classes.sentence} role="note">
      <CircleAlert size={16} aria-hidden />
      <span>
        <b>Unusual just now.</b> {shown.map(plainWords).join(" ")} This describes the numbers; it accuses
        nobody.
      </span>
    </p>
  );
}

export function PatternsPanel({ stock }: { stock: Stock }) {
  const query = useQuery(evidenceQuery(stock.instrument));
  const flags = useFlags(stock.instrument);
  const clock = useMarketClock();
  const { refetch } = query;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a flag that changed has new evidence
  useEffect(() => {
    const timer = setTimeout(() => void refetch(), AFTER_MS);
    return () => clearTimeout(timer);
  }, [flags, refetch]);
  const items = (query.data?.items ?? []).map((item) => ({
    ...item,
    state: flags[item.pattern] ?? (item.state as PatternState),
  }));
  const present = items.filter((item) => item.state === "present");
  const before = items.filter((item) => item.state !== "present" && item.evidence);
  const quiet = items.filter((item) => item.state !== "present" && !item.evidence);
  return (
    <Panel
      title="Unusual activity"
      source={query.data?.source}
      asOf={query.data?.as_of}
      clock={clock}
      height={200}
      state={stateOf(query, {
        when: items.length === 0,
        why: "No pattern is watched for this instrument.",
      })}
    >
      {present.length === 0 && <p className={classes.none}>Nothing unusual shows now.</p>}
      {present.length + before.length > 0 && (
        <ul className={classes.list}>
          {[...present, ...before].map((item) => (
            <Shown key={item.pattern} item={item} instrument={stock.instrument} />
          ))}
        </ul>
      )}
      <Watched items={quiet} instrument={stock.instrument} />
      <p className={classes.care}>
        Shapes in the data, suspicions at most: they say nothing about why, or about anybody.
      </p>
    </Panel>
  );
}

function Shown({ item, instrument }: { item: PatternItem; instrument: string }) {
  const formats = useFormats();
  const { evidence } = item;
  const isNow = item.state === "present";
  const measured = measuredWords(item, formats);
  return (
    <li className={classes.item} data-state={item.state}>
      <div className={classes.head}>
        <b>{item.title}</b>
        <span className={isNow ? classes.now : classes.past}>{isNow ? "shows now" : "earlier"}</span>
      </div>
      {evidence ? (
        <>
          <p className={classes.when}>
            <time dateTime={evidence.start}>{spanWords(evidence.start, evidence.end, formats)}</time>
          </p>
          {measured && <p>{measured}</p>}
        </>
      ) : (
        <p>{plainWords(item.pattern)} Its numbers have not come yet.</p>
      )}
      <p className={classes.caution}>{item.caution}</p>
      <details className={classes.more}>
        <summary>Numbers and definition</summary>
        <dl className={classes.numbers}>
          <div>
            <dt>Score now, unusual from {formats.number(item.threshold)} on</dt>
            <dd className="num">
              <Score item={item} instrument={instrument} />
            </dd>
          </div>
          {evidence?.numbers.map((one) => (
            <div key={one.name}>
              <dt>{one.name === "side" ? "Side" : one.label}</dt>
              <dd className="num">{numberWords(one.name, one.value, one.unit, formats)}</dd>
            </div>
          ))}
        </dl>
        <Definition item={item} />
      </details>
    </li>
  );
}

function Score({ item, instrument }: { item: PatternItem; instrument: string }) {
  const formats = useFormats();
  const subscribe = useCallback((listener: () => void) => quotes.listen(instrument, listener), [instrument]);
  const live = useSyncExternalStore(
    subscribe,
    () => quotes.get(instrument)[`abnormal.${item.pattern}_score`],
  );
  const score = live === undefined ? item.score : live;
  return isKnown(score as number) ? formats.number(score as number, 2) : "—";
}

function Definition({ item }: { item: PatternItem }) {
  const advanced = useShows("advanced");
  return (
    <div className={classes.definition}>
      <p>{item.definition}</p>
      {advanced && (
        <>
          <p>Measured on {item.basis}.</p>
          <p>{item.reason}</p>
          <p>Source: {item.reference}</p>
        </>
      )}
    </div>
  );
}

/** What is looked for without a sign so far; unknown is not the same as absent. */
function Watched({ items, instrument }: { items: PatternItem[]; instrument: string }) {
  const advanced = useShows("advanced");
  if (items.length === 0) return null;
  return (
    <ul className={classes.watched} aria-label="Watched without a sign">
      {items.map((item) => (
        <li key={item.pattern}>
          <details>
            <summary>
              <span>{item.title}</span>
              {item.state === "unknown" ? (
                <span className={classes.past} title="Too little was seen to tell">
                  not known now
                </span>
              ) : (
                <span className={classes.past}>
                  not showing
                  {advanced && (
                    <span className="num">
                      {" · "}
                      <Score item={item} instrument={instrument} /> of {Number(item.threshold)}
                    </span>
                  )}
                </span>
              )}
            </summary>
            <Definition item={item} />
          </details>
        </li>
      ))}
    </ul>
  );
}
