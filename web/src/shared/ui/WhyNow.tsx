/** How a rule stands for one instrument now: its state, since when, until when, and why. */
import { ApiError } from "@/shared/api/client";
import type { Why } from "@/shared/api/ruleTypes";
import { useFormats } from "@/shared/format/use";
import { WhyView } from "./WhyView";
import classes from "./WhyView.module.css";

const STATES: Record<string, string> = {
  idle: "Waiting: the condition does not hold.",
  pending: "Pending: the condition holds, and must hold a while longer.",
  firing: "Firing: the condition holds now.",
  recovering: "It has fired, and waits until it is ready again.",
  unknown: "Not known: something it reads is missing.",
  suppressed: "Held back.",
  acked: "Seen and acknowledged.",
  done: "It has fired, and rests.",
  expired: "Expired: it looks no more.",
  disabled: "Disabled: it does not look.",
  waiting: "The evaluator does not have it yet.",
};

export function WhyNow({ query }: { query: { data?: Why | undefined; error: unknown; isPending: boolean } }) {
  const formats = useFormats();
  const why = query.data;
  if (query.error && !why)
    return (
      <p role="alert" className={classes.bad}>
        {query.error instanceof ApiError ? query.error.message : "The evaluator does not answer."}
      </p>
    );
  if (!why)
    return (
      <p className="dim" role="status">
        Asking the evaluator…
      </p>
    );
  return (
    <div className={classes.why}>
      <p>
        <b>{STATES[why.state ?? ""] ?? why.state}</b>
        {why.suppressed && ` Reason: ${why.suppressed}.`}
        {why.since ? ` Since ${formats.full(why.since)}.` : ""}
        {why.until ? ` Until ${formats.full(why.until)}.` : ""}
      </p>
      {why.sentence && <p>{why.sentence}</p>}
      <WhyView why={why} />
      {why.evaluated_at ? <p className="faint num">Evaluated {formats.full(why.evaluated_at)}</p> : null}
    </div>
  );
}
