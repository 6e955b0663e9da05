/** New forms, and what each clause can say. Pure. */
import type { Cond, RuleForm, Scope, Timing } from "@/shared/api/ruleTypes";

export function freshUid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  // Plain LAN addresses have no randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const TICK: Timing = { kind: "tick", timeframe: null, word: "" };
export const closeOf = (timeframe: string): Timing => ({ kind: "close", timeframe, word: "" });

export function newForm(uid: string, when: Cond, on: Scope[] = [], at: Timing | null = null): RuleForm {
  return {
    kind: "alert",
    name: "",
    rule_uid: uid,
    on,
    where: null,
    when,
    at,
    hold: null,
    fire: null,
    rearm: null,
    cooldown: null,
    limit: null,
    session: null,
    expires: null,
    stale: null,
    max_age: null,
    severity: null,
    notify: [],
    fallback: null,
    digest: null,
    action: null,
    order_by: null,
    descending: false,
    columns: [],
  };
}

/** "NSE:M&M" → the scope of that one instrument. */
export function scopeOf(instrument: string): Scope {
  const [venue, ...rest] = instrument.split(":");
  return rest.length > 0
    ? { kind: "symbol", name: rest.join(":"), venue: venue ?? "" }
    : { kind: "symbol", name: instrument, venue: "" };
}

export const instrumentOf = (scope: Scope | undefined): string | undefined =>
  scope?.kind === "symbol" && scope.name
    ? scope.venue
      ? `${scope.venue}:${scope.name}`
      : scope.name
    : undefined;

export function scopeWords(scope: Scope): string {
  switch (scope.kind) {
    case "symbol":
      return scope.name;
    case "all":
      return "every instrument";
    case "portfolio":
      return "your portfolio";
    case "watchlist":
      return `watchlist ${scope.name}`;
    case "screen":
      return `screen ${scope.name}`;
    default:
      return scope.name;
  }
}

/** A channel as a rule names it: `slack:desk`, `slack:"night desk"`. */
export const channelText = (channel: { kind: string; name: string }): string =>
  /^[A-Za-z_]\w*$/.test(channel.name)
    ? `${channel.kind}:${channel.name}`
    : `${channel.kind}:"${channel.name.replace(/["\\]/g, "\\$&")}"`;

export const scopeKey = (scope: Scope): string => `${scope.kind}|${scope.venue}|${scope.name}`;

export interface Choice {
  value: string;
  label: string;
}

export const FIRES: readonly Choice[] = [
  { value: "", label: "once per bar (usual)" },
  { value: "once", label: "once, then rest" },
  { value: "once per bar", label: "once per bar" },
  { value: "once per day", label: "once per day" },
  { value: "once per session", label: "once per session" },
  { value: "every time", label: "at every evaluation that holds" },
  { value: "on enter", label: "when it becomes true" },
  { value: "on exit", label: "when it becomes false" },
  { value: "on change", label: "at both changes" },
];

export const STALES: readonly Choice[] = [
  { value: "", label: "skip (usual)" },
  { value: "skip", label: "skip: old data is unknown" },
  { value: "hold", label: "hold: keep what was known" },
  { value: "fire", label: "fire: take old data as good" },
];

export const SEVERITIES: readonly Choice[] = [
  { value: "low", label: "Low" },
  { value: "", label: "Normal" },
  { value: "high", label: "High" },
];

export const FRAMES: readonly Choice[] = [
  { value: "1m", label: "1 minute" },
  { value: "5m", label: "5 minutes" },
  { value: "15m", label: "15 minutes" },
  { value: "30m", label: "30 minutes" },
  { value: "1h", label: "1 hour" },
  { value: "1d", label: "1 day" },
  { value: "1w", label: "1 week" },
];

/** When a rule looks; `close 15m` and so on as one word for a list. */
export const timingWord = (timing: Timing | null): string => {
  if (timing === null) return "";
  if (timing.kind === "tick") return "tick";
  if (timing.kind === "update") return `update ${timing.word}`;
  if (timing.kind === "schedule") return "schedule";
  return `${timing.kind} ${timing.timeframe ?? "5m"}`;
};

export function timingOf(word: string, before: Timing | null): Timing | null {
  const [kind, rest] = word.split(" ");
  if (kind === "tick") return TICK;
  if (kind === "close" || kind === "live") return { kind, timeframe: rest ?? "5m", word: "" };
  if (kind === "update") return { kind, timeframe: null, word: rest ?? "chain" };
  if (kind === "schedule")
    return { kind, timeframe: null, word: before?.kind === "schedule" ? before.word : "0 15 * * 1-5" };
  return null;
}

export const TIMINGS: readonly { group: string; items: Choice[] }[] = [
  {
    group: "As prices come",
    items: [
      { value: "", label: "by what it reads" },
      { value: "tick", label: "at each price" },
    ],
  },
  {
    group: "When a bar closes",
    items: FRAMES.map((frame) => ({ value: `close ${frame.value}`, label: `${frame.label}, at the close` })),
  },
  {
    group: "Inside a bar (may repaint)",
    items: FRAMES.slice(1, 6).map((frame) => ({
      value: `live ${frame.value}`,
      label: `${frame.label}, while it forms`,
    })),
  },
  {
    group: "When slow data changes",
    items: [
      { value: "update chain", label: "a new option chain" },
      { value: "update shareholding", label: "a new shareholding" },
      { value: "update fundamentals", label: "new fundamentals" },
      { value: "update news", label: "news" },
    ],
  },
  { group: "By the clock", items: [{ value: "schedule", label: "on a schedule" }] },
];
