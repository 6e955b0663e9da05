/** The same question for a program. */
import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import { curlOf } from "./query";
import classes from "./Screener.module.css";
import type { RunBody } from "./types";

export function ApiDialog({
  body,
  isOpen,
  onClose,
}: {
  body: RunBody;
  isOpen: boolean;
  onClose: () => void;
}) {
  const [isCopied, setCopied] = useState(false);
  const line = curlOf(window.location.origin, body);
  const copy = async () => {
    await navigator.clipboard?.writeText(line);
    setCopied(true);
  };
  return (
    <Modal opened={isOpen} onClose={onClose} title="Ask from a program" size="lg">
      <div className={classes.chipForm}>
        <p>
          The token is in the data folder, in <code className="mono">owner.token</code>. The answer has the
          rows, the columns and how many lack a value; <code className="mono">next_cursor</code> leads to the
          next page.
        </p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <pre className={classes.snippet} tabIndex={0}>
          {line}
        </pre>
        <div className={classes.actions}>
          {navigator.clipboard && <Button onClick={() => void copy()}>{isCopied ? "Copied" : "Copy"}</Button>}
        </div>
      </div>
    </Modal>
  );
}
