/** The queue of messages and its dead letters in words. Pure. */
import type { ChannelDelivery, DeliveryFigures, JobRun } from "@/shared/api/delivery";
import { duration } from "@/shared/format/time";

/** Ages under which a queue is simply working. */
const USUAL_S = 30;

export interface Said {
  tone: "ok" | "warn" | "bad";
  words: string;
}

const message = (count: number) => (count === 1 ? "1 message" : `${count} messages`);
const many = (count: number) => (count === 1 ? "1 message was" : `${count} messages were`);

/** One sentence: does delivery work? */
export function queueWords(figures: DeliveryFigures): Said {
  const { states, oldest_unsent_s: oldest } = figures;
  const open = (states.queued ?? 0) + (states.sending ?? 0) + (states.retry ?? 0);
  if (oldest !== null && oldest > USUAL_S)
    return { tone: "bad", words: `The oldest message has waited ${duration(oldest)} to be sent.` };
  if (figures.dead > 0)
    return { tone: "warn", words: `${many(figures.dead)} given up and can be sent again.` };
  const waits = states.held ?? 0;
  const held =
    waits > 0
      ? ` ${message(waits)} ${waits === 1 ? "waits" : "wait"} for quiet hours, a digest or a storm's end.`
      : "";
  return {
    tone: "ok",
    words: `${open > 0 ? `${message(open)} on the way.` : "Nothing waits to be sent."}${held}`,
  };
}

/** States in the order of a message's life; those with none are left out. */
const ORDER = ["queued", "held", "sending", "retry", "sent", "carried", "suppressed", "maybe_sent", "dead"];

export function statesOf(states: Readonly<Record<string, number>>): [string, number][] {
  const known = ORDER.filter((state) => (states[state] ?? 0) > 0);
  const others = Object.keys(states).filter((state) => !ORDER.includes(state) && (states[state] ?? 0) > 0);
  return [...known, ...others].map((state) => [state, states[state] ?? 0]);
}

/** Of a channel: sent, on the way, not delivered. */
export function tally(row: ChannelDelivery): { sent: number; open: number; dead: number; other: number } {
  const of = (...names: string[]) => names.reduce((sum, name) => sum + (row.states[name] ?? 0), 0);
  return {
    sent: of("sent", "carried"),
    open: of("queued", "sending", "retry", "held"),
    dead: of("dead"),
    other: of("suppressed", "maybe_sent"),
  };
}

/** A latency in ms: "12 ms", "1.4 s"; "—" where nothing was sent. */
export function latency(ms: number | null): string {
  if (ms === null) return "—";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}

export const SINCE: readonly { value: string; label: string; seconds: number }[] = [
  { value: "", label: "of any time", seconds: 0 },
  { value: "1h", label: "of the last hour", seconds: 3_600 },
  { value: "1d", label: "of the last day", seconds: 86_400 },
  { value: "7d", label: "of the last week", seconds: 604_800 },
];

/** The beginning of a span, ISO, on whole minutes: the same question keeps its answer for a while. */
export function sinceOf(value: string, now: number): string | undefined {
  const seconds = SINCE.find((one) => one.value === value)?.seconds;
  return seconds ? new Date(Math.floor(now / 60_000) * 60_000 - seconds * 1000).toISOString() : undefined;
}

const JOB_STATES: Record<JobRun["state"], string> = {
  queued: "waits",
  running: "runs",
  done: "done",
  failed: "tried again",
  dead: "given up",
};

export function jobWords(run: Pick<JobRun, "state" | "progress" | "stage">): string {
  const word = JOB_STATES[run.state] ?? run.state;
  if (run.state !== "running") return word;
  const share = run.progress > 0 ? ` ${Math.round(run.progress * 100)} %` : "";
  return `${word}${share}${run.stage ? `: ${run.stage}` : ""}`;
}
