/** The order of the inbox: storms are folded, groups are made. Pure. */
import type { Alert } from "@/shared/api/ruleTypes";

export type By = "rule" | "symbol";

export interface Bundle {
  key: string;
  /** Shown first. */
  head: Alert;
  /** Shown when asked for. */
  rest: Alert[];
}

/** A run of one rule is folded from this many on: fewer are read faster than unfolded. */
const FOLDS_FROM = 4;

/** Runs of alerts of one rule, one behind the other, become one bundle each. */
export function fold(alerts: readonly Alert[]): Bundle[] {
  const runs: Alert[][] = [];
  for (const alert of alerts) {
    const last = runs[runs.length - 1];
    if (last?.[0]?.rule_uid === alert.rule_uid) last.push(alert);
    else runs.push([alert]);
  }
  return runs.flatMap((run) =>
    run.length >= FOLDS_FROM ? bundle(run) : run.flatMap((alert) => bundle([alert])),
  );
}

/** One bundle a rule or a symbol, the one with the newest alert first. */
export function groupBy(alerts: readonly Alert[], by: By): Bundle[] {
  const groups = new Map<string, Alert[]>();
  for (const alert of alerts) {
    const key = by === "rule" ? alert.rule_uid : alert.instrument;
    const group = groups.get(key);
    if (group) group.push(alert);
    else groups.set(key, [alert]);
  }
  return [...groups.values()].flatMap(bundle);
}

function bundle([head, ...rest]: Alert[]): Bundle[] {
  return head ? [{ key: head.firing_id, head, rest }] : [];
}

/** "37 more from this rule", "37 more from this rule, 20 companies". */
export function moreWords(count: number, head: Alert, by: By | undefined, instruments = 0): string {
  if (by === "symbol") return `${count} more on ${head.symbol}`;
  return `${count} more from this rule${instruments > 1 ? `, on ${instruments === MOST_NAMED ? "20 or more" : instruments} instruments` : ""}`;
}

/** So many instruments of a group the server names. */
const MOST_NAMED = 20;

const MOVING = new Set(["queued", "sending", "retry"]);

/** True while one of its messages is on its way. */
export const isMoving = (alert: Alert) => alert.deliveries.some((one) => MOVING.has(one.state));

/** Head and rows for a spreadsheet: one a delivery. */
export function csvOf(alerts: readonly Alert[]): [string[], (string | number | null)[][]] {
  const head = [
    "firing_id",
    "rule",
    "instrument",
    "event_time",
    "recorded_at",
    "severity",
    "event",
    "sentence",
  ];
  return [
    [...head, "channel", "state", "attempts", "error", "sent_at"],
    alerts.flatMap((alert) => {
      const sentence = typeof alert.values.sentence === "string" ? alert.values.sentence : "";
      const facts = [
        alert.firing_id,
        alert.rule,
        alert.instrument,
        alert.event_time,
        alert.recorded_at,
        alert.severity,
        alert.event,
        sentence,
      ];
      return alert.deliveries.map((one) => [
        ...facts,
        one.channel,
        one.state,
        one.attempts,
        one.error,
        one.sent_at,
      ]);
    }),
  ];
}

/** Told by Marketbell of itself: there is no chart and no rule of anybody's behind it. */
export const isHouse = (alert: Pick<Alert, "instrument">) => alert.instrument.startsWith("HOUSE:");

/** Which bars tell the story: daily ones for rules that look once a day, else minutes. */
export function storyOf(alert: Alert): { timeframe: "1m" | "1d"; from: string; to: string } {
  const timing = typeof alert.values.timing === "string" ? alert.values.timing : "";
  const isDaily = /^\d+(d|w|mo)\b/.test(timing);
  const at = Date.parse(alert.event_time);
  const [before, after] = isDaily ? [60 * DAY, 12 * DAY] : [45 * MINUTE, 15 * MINUTE];
  return {
    timeframe: isDaily ? "1d" : "1m",
    from: new Date(at - before).toISOString(),
    to: new Date(at + after).toISOString(),
  };
}

const MINUTE = 60_000;
const DAY = 86_400_000;
