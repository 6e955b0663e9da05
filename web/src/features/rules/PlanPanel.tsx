/** What watching the rule costs: instruments, distinct sub-expressions, bars to warm up, feeds. */
import { useQuery } from "@tanstack/react-query";
import { explainQuery } from "@/shared/api/rules";
import type { RulePlan } from "@/shared/api/ruleTypes";
import { useFormats } from "@/shared/format/use";
import { Panel } from "@/shared/ui/Panel";
import classes from "./rules.module.css";

export function PlanPanel({ plan, uid }: { plan: RulePlan | null; uid: string | null }) {
  const stored = useQuery({ ...explainQuery(uid ?? ""), enabled: uid !== null }).data;
  const formats = useFormats();
  if (!plan)
    return (
      <Panel
        title="What it costs"
        height={120}
        state={{ kind: "empty", why: "Known when the alert can be read." }}
      />
    );
  const rows: [string, string][] = [
    ["Looks", plan.timing],
    ["Instruments", formats.count(plan.symbols)],
    [
      "Distinct parts",
      stored?.shared
        ? `${formats.count(plan.sub_expressions)}, ${formats.count(stored.shared)} shared with other rules`
        : formats.count(plan.sub_expressions),
    ],
    ["Evaluations a day", formats.compact(plan.evaluations_per_day)],
    [
      "Warm-up",
      plan.warm_up.length > 0
        ? plan.warm_up.map((one) => `${formats.count(one.bars)} bars of ${one.timeframe}`).join(", ")
        : "none",
    ],
    ["Feeds", plan.feeds.join(", ") || "none"],
    ["Fields", plan.fields.join(", ") || "none"],
    ["Reads other instruments", plan.reads_others ? "yes" : "no"],
    ["May repaint", plan.may_repaint ? "yes: it reads bars that still form" : "no"],
  ];
  return (
    <Panel title="What it costs">
      <dl className={classes.plan}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="num">{value}</dd>
          </div>
        ))}
      </dl>
      {plan.notes.map((note) => (
        <p key={note} className={classes.note}>
          {note}
        </p>
      ))}
    </Panel>
  );
}
