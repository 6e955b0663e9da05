/** What stands there before somebody is in, or while the server cannot be reached. */
import { Button } from "@mantine/core";
import { BellMark } from "./BellMark";
import classes from "./Shell.module.css";

export function Door({
  reason,
  onRetry,
}: {
  reason: "signed-out" | "unreachable" | "opening";
  onRetry: () => void;
}) {
  return (
    <main className={classes.door}>
      <BellMark size={44} />
      {reason === "opening" && <p role="status">Opening Marketbell…</p>}
      {reason === "signed-out" && (
        <>
          <h1>This browser is not signed in</h1>
          <p>
            Marketbell lets its owner in by a link that works once. Print a new one on the machine it runs on,
            and open it here:
          </p>
          <pre className={classes.command}>marketbell status --link</pre>
          <Button onClick={onRetry}>I have opened it</Button>
        </>
      )}
      {reason === "unreachable" && (
        <>
          <h1>The server does not answer</h1>
          <p>It may be starting, or it was stopped. This page tries again by itself.</p>
          <Button onClick={onRetry}>Try now</Button>
        </>
      )}
    </main>
  );
}
