/** Several alerts at once: seen, or put off. */
import { Button } from "@mantine/core";
import { Check } from "lucide-react";
import { useAck, useSnooze } from "@/shared/api/delivery";
import type { Alert } from "@/shared/api/ruleTypes";
import classes from "./AlertsPage.module.css";
import { SnoozeMenu } from "./SnoozeMenu";

interface Props {
  items: readonly Alert[];
  chosen: ReadonlySet<string>;
  onChoose: (ids: readonly string[]) => void;
}

export function BulkBar({ items, chosen, onChoose }: Props) {
  const ack = useAck();
  const snooze = useSnooze();
  // What was filtered away meanwhile is not dealt with unseen.
  const ids = items.map((one) => one.firing_id).filter((id) => chosen.has(id));
  const done = () => onChoose([]);
  const fault = ack.error ?? snooze.error;
  if (ids.length === 0 && !fault) return null;
  const words = `${ids.length} chosen`;
  return (
    <div className={classes.bulk} role="toolbar" aria-label="The chosen alerts">
      <b className="num" role="status">
        {words}
      </b>
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<Check size={14} aria-hidden />}
        loading={ack.isPending}
        onClick={() => ack.mutate(ids, { onSuccess: done })}
      >
        Acknowledge
      </Button>
      <SnoozeMenu
        label="Snooze"
        about={words}
        size="compact-sm"
        variant="default"
        isBusy={snooze.isPending}
        onSnooze={(long) => snooze.mutate({ ids, long }, { onSuccess: done })}
      />
      <Button
        variant="subtle"
        size="compact-sm"
        disabled={ids.length === items.length}
        onClick={() => onChoose(items.map((one) => one.firing_id))}
      >
        Choose all {items.length}
      </Button>
      <Button variant="subtle" size="compact-sm" onClick={done}>
        Choose none
      </Button>
      {fault && (
        <span role="alert" className={classes.error}>
          {fault.message}
        </span>
      )}
    </div>
  );
}
