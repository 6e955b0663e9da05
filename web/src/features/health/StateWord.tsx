/** A state as the server names it, with a mark whose shape says the same as its colour. */
import classes from "./HealthPage.module.css";

const FINE = ["running", "ready", "ok", "idle"];
const BROKEN = ["error", "missing", "lost"];

export function StateWord({ state, error }: { state: string; error?: string | null }) {
  const tone = FINE.includes(state) ? "ok" : BROKEN.includes(state) ? "bad" : "warn";
  return (
    <span className={classes.state}>
      <i className={classes[tone]} aria-hidden />
      {state}
      {error && <small className={classes.error}>{error}</small>}
    </span>
  );
}
