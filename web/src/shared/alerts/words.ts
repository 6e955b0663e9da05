/** Deliveries and what happened to them, in words. Pure: times are written by what is handed in. */
import type { StoryLine } from "@/shared/api/delivery";
import type { AlertDelivery } from "@/shared/api/ruleTypes";

export type Tone = "ok" | "wait" | "warn" | "bad" | "quiet";

/** The few signs beside the words: they differ in shape, not in colour alone. */
export type Sign = "check" | "clock" | "retry" | "question" | "cross" | "muted" | "together";

export interface Said {
  tone: Tone;
  sign: Sign;
  words: string;
  /** The whole reason, for those who look for it. */
  why: string;
}

export const STATE_WORDS: Record<string, string> = {
  queued: "on its way",
  held: "waits for its time",
  sending: "being sent",
  retry: "to be tried again",
  sent: "sent",
  carried: "told in another message",
  suppressed: "not told",
  maybe_sent: "may have been sent",
  dead: "not delivered",
};

const SIGNS: Record<string, { tone: Tone; sign: Sign }> = {
  queued: { tone: "wait", sign: "clock" },
  held: { tone: "wait", sign: "clock" },
  sending: { tone: "wait", sign: "clock" },
  retry: { tone: "warn", sign: "retry" },
  sent: { tone: "ok", sign: "check" },
  carried: { tone: "ok", sign: "together" },
  suppressed: { tone: "quiet", sign: "muted" },
  maybe_sent: { tone: "warn", sign: "question" },
  dead: { tone: "bad", sign: "cross" },
};

export const signOf = (state: string) => SIGNS[state] ?? { tone: "quiet" as Tone, sign: "question" as Sign };

const CHANNELS: Record<string, string> = {
  in_app: "in the app",
  push: "browser",
  email: "e-mail",
  sms: "SMS",
  telegram: "Telegram",
  slack: "Slack",
  discord: "Discord",
  webhook: "webhook",
  apprise: "Apprise",
};

export const channelWord = (kind: string) => CHANNELS[kind] ?? kind;

/** A reason without the moment that stands in it: the reader's own clock tells that beside it. */
export function bare(reason: string): string {
  return reason
    .replace(/:? not before \d{4}-.*$/, "")
    .replace(/,? (?:until|of) \d{4}-\d\d-\d\d \d\d:\d\d \S+?(?=[:,;]|$)/, "")
    .trim();
}

interface Told {
  /** How a moment is written. */
  time: (at: string) => string;
  /** How many others are told in the same message, as far as they are known here. */
  others: number;
}

/** "sent 10:31", "waits: quiet hours, until 07:00", "told in one message with 42 others", "retry at 10:32" … */
export function deliveryWords(delivery: AlertDelivery, told: Told): Said {
  const { state, error, until, attempts } = delivery;
  const why = error;
  const at = until ? told.time(until) : "";
  const others = told.others === 1 ? "1 other" : `${told.others} others`;
  const put = (words: string): Said => ({ ...signOf(state), words, why });
  switch (state) {
    case "sent":
      if (delivery.channel === "in_app") return put("in the inbox");
      return put(
        [
          `sent${delivery.sent_at ? ` ${told.time(delivery.sent_at)}` : ""}`,
          told.others > 0 ? `with ${others} in one message` : "",
          attempts > 1 ? `at try ${attempts}` : "",
        ]
          .filter(Boolean)
          .join(", "),
      );
    case "carried":
      return put(`told in one message with ${told.others > 0 ? others : "others"}`);
    case "held":
      return put(`waits: ${bare(error) || "for its time"}${at && `, until ${at}`}`);
    case "retry":
      return put(`try ${attempts + 1}${at && ` at ${at}`}${error && `: ${error}`}`);
    case "suppressed":
      return put(`not told: ${bare(error) || "held back"}${at && `, until ${at}`}`);
    case "maybe_sent":
      return put(`may have been sent${error && `: ${error}`}`);
    case "dead":
      return put(`not delivered${attempts > 1 ? ` after ${attempts} tries` : ""}${error && `: ${error}`}`);
    default:
      return put(STATE_WORDS[state] ?? state);
  }
}

/** How many other alerts of these are told in the same message, by delivery id. */
export function together(deliveries: Iterable<AlertDelivery>): Map<string, number> {
  const all = [...deliveries];
  const carried = new Map<string, number>();
  for (const one of all)
    if (one.carried_by) carried.set(one.carried_by, (carried.get(one.carried_by) ?? 0) + 1);
  const found = new Map<string, number>();
  for (const one of all) {
    const count = carried.get(one.carried_by || one.delivery_id);
    // With the carrier, less itself, there are as many others as are carried.
    if (count) found.set(one.delivery_id, count);
  }
  return found;
}

export interface Step {
  sign: Sign;
  tone: Tone;
  title: string;
}

const STEPS: Record<string, Step> = {
  decided: { sign: "check", tone: "quiet", title: "The condition came true" },
  recorded: { sign: "check", tone: "ok", title: "Written down for good" },
  suppressed: { sign: "muted", tone: "quiet", title: "Not told" },
  planned: { sign: "check", tone: "quiet", title: "Decided whom to tell" },
  inbox: { sign: "check", tone: "ok", title: "In the inbox" },
  queued: { sign: "clock", tone: "wait", title: "Waits to be sent" },
  held: { sign: "clock", tone: "wait", title: "Held until its time" },
  released: { sign: "clock", tone: "wait", title: "Its time has come" },
  attempt: { sign: "clock", tone: "wait", title: "Being sent" },
  accepted: { sign: "check", tone: "ok", title: "Sent: the other side took it" },
  failed: { sign: "retry", tone: "warn", title: "Did not go; tried again later" },
  maybe_sent: { sign: "question", tone: "warn", title: "May have been sent: no answer came" },
  dead: { sign: "cross", tone: "bad", title: "Given up" },
  replayed: { sign: "retry", tone: "wait", title: "Sent again by hand" },
  carried: { sign: "together", tone: "ok", title: "Told in one message with others" },
  acknowledged: { sign: "check", tone: "ok", title: "Acknowledged" },
  snoozed: { sign: "muted", tone: "quiet", title: "Put off" },
  read: { sign: "check", tone: "ok", title: "Read" },
};

export const stepOf = (what: string): Step =>
  STEPS[what] ?? { sign: "question", tone: "quiet", title: what.replaceAll("_", " ") };

/** Steps that only those ask for who look into the works. */
const INNER = new Set(["planned", "queued", "attempt", "released"]);

/**
 * The lines that a mode shows, each with the time since the record (ms); null before it, and where the line is told by
 * the market's clock, which a replay turns back.
 */
export function timeline(
  lines: readonly StoryLine[],
  isWhole: boolean,
): { line: StoryLine; step: Step; sinceMs: number | null }[] {
  const recorded = lines.find((line) => line.what === "recorded");
  // A market that is played ahead of the clock decides "after" everything else: it still comes first.
  const decided = lines.filter((line) => line.what === "decided");
  const ordered = [...decided, ...lines.filter((line) => line.what !== "decided")];
  const from = recorded ? Date.parse(recorded.at) : Number.NaN;
  return ordered
    .filter((line) => isWhole || !INNER.has(line.what))
    .map((line) => {
      const since = Date.parse(line.at) - from;
      const counts = line.what !== "decided" && line.what !== "recorded" && since >= 0;
      return { line, step: stepOf(line.what), sinceMs: counts ? since : null };
    });
}

/** 0.4 → "under 1 ms", 37 → "37 ms", 1234 → "1.2 s", 75000 → "1 min 15 s". */
export function lapse(ms: number, duration: (seconds: number) => string): string {
  if (ms < 1) return "under 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}
