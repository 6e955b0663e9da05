/** Mutes a rule, an instrument, a severity, or everything, until a moment. The inbox still shows what fired. */
import { Button, Modal, Select, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { type Severity, useSilence } from "@/shared/api/delivery";
import { storedRulesQuery } from "@/shared/api/rules";
import type { StoredRule } from "@/shared/api/ruleTypes";
import classes from "./alerts.module.css";
import { useMoment } from "./DeliveryWord";
import { useUntil } from "./UntilFields";

/** What it may be about: where it was asked from. */
export interface About {
  rule_uid?: string;
  rule?: string;
  instrument?: string;
  symbol?: string;
}

/** Asked for from nowhere in particular: each rule can be chosen. */
const RULE = "rule:";

function choices(about: About, rules: readonly StoredRule[]): { value: string; label: string }[] {
  const symbol = about.symbol ?? about.instrument;
  return [
    ...(about.rule_uid ? [{ value: "rule", label: `The rule “${about.rule ?? about.rule_uid}”` }] : []),
    ...(about.rule_uid && about.instrument
      ? [{ value: "both", label: `This rule, about ${symbol} alone` }]
      : []),
    ...(about.instrument ? [{ value: "instrument", label: `Every alert about ${symbol}` }] : []),
    { value: "all", label: "Every alert" },
    ...(about.rule_uid
      ? []
      : rules.map((rule) => ({ value: RULE + rule.rule_uid, label: `The rule “${rule.name}”` }))),
  ];
}

export default function SilenceDialog({ about, onClose }: { about: About; onClose: () => void }) {
  const rules = useQuery(storedRulesQuery).data ?? [];
  const options = choices(about, rules);
  const [what, setWhat] = useState(options[0]?.value ?? "all");
  const [severity, setSeverity] = useState<Severity | "">("");
  const [reason, setReason] = useState("");
  const [fault, setFault] = useState("");
  const until = useUntil("1h", ["1h", "today", "week"]);
  const silence = useSilence();
  const moment = useMoment();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = until.read();
    if ("fault" in read) {
      setFault(read.fault);
      return;
    }
    setFault("");
    silence.mutate(
      {
        until: read.until,
        reason: reason.trim(),
        rule_uid: what.startsWith(RULE)
          ? what.slice(RULE.length)
          : what === "rule" || what === "both"
            ? (about.rule_uid ?? null)
            : null,
        instrument: what === "instrument" || what === "both" ? (about.instrument ?? null) : null,
        severity: severity || null,
      },
      {
        onSuccess: (made) => {
          notifications.show({
            title: "Silenced",
            message: `No messages until ${moment(made.until)}. Settings, Silences ends it sooner.`,
            color: "ink",
            closeButtonProps: { "aria-label": "Close the notice" },
          });
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title="Silence">
      <form className={classes.form} onSubmit={submit} aria-label="New silence">
        <p className="dim">No message goes out while it lasts. What fires still stands in the inbox.</p>
        <Select
          label="What to silence"
          data={options}
          value={what}
          comboboxProps={{ withinPortal: true }}
          searchable={options.length > 8}
          onChange={(value) => value && setWhat(value)}
        />
        <Select
          label="Of which severity"
          data={[
            { value: "", label: "any" },
            { value: "low", label: "low" },
            { value: "normal", label: "normal" },
            { value: "high", label: "high" },
          ]}
          value={severity}
          comboboxProps={{ withinPortal: true }}
          onChange={(value) => setSeverity((value ?? "") as Severity | "")}
        />
        {until.fields(fault)}
        <TextInput
          label="Why"
          description="For yourself: the list of silences shows it."
          maxLength={200}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {silence.error && (
          <p role="alert" className={classes.error}>
            {silence.error.message}
          </p>
        )}
        <div className={classes.buttons}>
          <Button type="submit" loading={silence.isPending}>
            Silence
          </Button>
          <Button variant="subtle" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Modal>
  );
}
