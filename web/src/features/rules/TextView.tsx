/** The rule as text, with completion, and with what the server says of it at its place. */
import { completer } from "@/shared/api/language";
import type { TextError } from "@/shared/api/ruleTypes";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import classes from "./rules.module.css";

interface Props {
  text: string;
  errors: readonly TextError[];
  onText: (text: string) => void;
  onSubmit: () => void;
}

const complete = completer("rule");

export function TextView({ text, errors, onText, onSubmit }: Props) {
  return (
    <div className={classes.form}>
      <ExpressionEditor
        label="The alert as text"
        kind="rule"
        minRows={8}
        value={text}
        errors={errors}
        complete={complete}
        placeholder={
          'alert "Golden cross" on NIFTY500\n  when sma(close, 50)@1d crosses above sma(close, 200)@1d\n  at 1d close fire once per day'
        }
        onChange={onText}
        onSubmit={onSubmit}
      />
      <p className={classes.hint}>
        Clauses come in any order, on one line or on many:{" "}
        <code>on when at hold fire rearm cooldown limit session</code>{" "}
        <code>expires stale max_age severity notify fallback digest action</code>. Ctrl+Space suggests,
        Ctrl+Enter arms.
      </p>
    </div>
  );
}
