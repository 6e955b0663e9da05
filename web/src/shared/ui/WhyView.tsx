/** Why a rule fired, or why not: each clause with its values, how far it is, and whose word it is. */
import { Check, CircleHelp, X } from "lucide-react";
import type { Why, WhyClause, WhyTerm } from "@/shared/api/ruleTypes";
import { isKnown, type Numeric } from "@/shared/format/numbers";
import { duration } from "@/shared/format/time";
import { type Formats, useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import classes from "./WhyView.module.css";

const ROLES: Record<string, string> = { where: "only where", rearm: "ready again when" };

export function WhyView({ why }: { why: Partial<Why> }) {
  const clauses = why.clauses ?? [];
  const missing = why.missing ?? [];
  return (
    <div className={classes.why}>
      {clauses.length > 0 && (
        <ul className={classes.clauses}>
          {clauses.map((clause, at) => (
            <Clause key={at} clause={clause} />
          ))}
        </ul>
      )}
      {why.first_false && (
        <p>
          First that does not hold: <code className="mono">{why.first_false.text}</code>
          {why.first_false.distance_text && `, ${why.first_false.distance_text}`}.
        </p>
      )}
      {missing.length > 0 && (
        <ul className={classes.missing}>
          {missing.map((one) => (
            <li key={one.expression}>
              <code className="mono">{one.expression}</code> is not known: {one.reason}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const TRUTHS = {
  true: { icon: Check, words: "holds", tone: "ok" },
  false: { icon: X, words: "does not hold", tone: "bad" },
  null: { icon: CircleHelp, words: "is not known", tone: "unknown" },
} as const;

function Clause({ clause }: { clause: WhyClause }) {
  const formats = useFormats();
  const truth = TRUTHS[String(clause.truth) as keyof typeof TRUTHS] ?? TRUTHS.null;
  const role = ROLES[clause.role];
  return (
    <li className={classes.clause}>
      <span className={classes[truth.tone]}>
        <truth.icon size={15} aria-hidden />
        <span className="sr-only">{truth.words}: </span>
      </span>
      <div className={classes.body}>
        <p>
          {role && <span className="dim">{role} </span>}
          <code className="mono">{clause.text}</code>
          {clause.truth === false && isKnown(clause.distance) && (
            <span className="dim num">
              {" "}
              {formats.number(Math.abs(Number(clause.distance)), 4)} away
              {isKnown(clause.distance_pct) && ` (${formats.percent(clause.distance_pct)})`}
            </span>
          )}
        </p>
        {clause.terms.length > 0 && (
          <ul className={classes.terms}>
            {clause.terms.map((term) => (
              <Term key={term.expression} term={term} />
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

function Term({ term }: { term: WhyTerm }) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const before = term.previous;
  return (
    <li className={classes.term}>
      <span className="mono">{term.expression}</span>
      <b className="num">
        {isKnown(before) && (
          <span className={classes.before}>{valueWords(formats, before, term.type)} → </span>
        )}
        {valueWords(formats, term.value, term.type)}
      </b>
      {intermediate && (
        <span className="faint num">
          {[
            term.source,
            term.timeframe,
            isKnown(term.as_of) ? `as of ${formats.clock(term.as_of)}` : "",
            isKnown(term.age_s) ? `${duration(Number(term.age_s))} old` : "",
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      )}
    </li>
  );
}

/** A value by its type in the language. */
export function valueWords(formats: Formats, value: Numeric, type: string): string {
  switch (type) {
    case "price":
      return formats.price(value);
    case "percent":
      return formats.percent(value, { sign: false });
    case "count":
      return formats.count(value);
    case "money":
      return formats.money(value);
    case "bool":
      return isKnown(value) ? (Number(value) ? "yes" : "no") : "—";
    case "duration":
      return isKnown(value) ? duration(Number(value)) : "—";
    default:
      return formats.number(value, 4);
  }
}
