/** Puts alerts off: a few usual times, or a moment of one's own. */
import { Button, Menu, Modal } from "@mantine/core";
import { AlarmClock } from "lucide-react";
import { type FormEvent, useState } from "react";
import { longOf, PRESETS, type Preset } from "@/shared/alerts/times";
import { useUntil } from "@/shared/alerts/UntilFields";
import type { Long } from "@/shared/api/delivery";
import { useFormats } from "@/shared/format/use";
import classes from "./AlertsPage.module.css";

const OFFERED: readonly Preset[] = ["15m", "1h", "today"];

interface Props {
  label: string;
  /** Said by screen readers: which alert. */
  about: string;
  size?: string;
  variant?: string;
  isBusy: boolean;
  onSnooze: (long: Long) => void;
}

export function SnoozeMenu(props: Props) {
  const formats = useFormats();
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Menu position="bottom-start" withinPortal>
        <Menu.Target>
          <Button
            variant={props.variant ?? "subtle"}
            size={props.size ?? "compact-xs"}
            aria-label={`${props.label}: ${props.about}`}
            leftSection={<AlarmClock size={14} aria-hidden />}
            loading={props.isBusy}
          >
            {props.label}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {OFFERED.map((preset) => (
            <Menu.Item key={preset} onClick={() => props.onSnooze(longOf(preset, Date.now(), formats.zone))}>
              {upper(PRESETS[preset])}
            </Menu.Item>
          ))}
          <Menu.Item onClick={() => setAsking(true)}>Until…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {isAsking && <UntilDialog {...props} onClose={() => setAsking(false)} />}
    </>
  );
}

function UntilDialog({ about, onSnooze, onClose }: Props & { onClose: () => void }) {
  const until = useUntil("at", ["15m", "1h", "today", "week"]);
  const [fault, setFault] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = until.read();
    if ("fault" in read) setFault(read.fault);
    else {
      onSnooze({ until: read.until });
      onClose();
    }
  };
  return (
    <Modal opened onClose={onClose} title={`Snooze: ${about}`}>
      <form className={classes.dialog} onSubmit={submit} aria-label="Snooze">
        {until.fields(fault)}
        <div className={classes.actions}>
          <Button type="submit">Snooze</Button>
          <Button variant="subtle" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Modal>
  );
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
