/** Which alerts: of what, in which state of delivery, how grave, and in which order. */
import { ActionIcon, SegmentedControl, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { X } from "lucide-react";
import { STATE_WORDS } from "@/shared/alerts/words";
import type { DeliveryState, Severity } from "@/shared/api/delivery";
import { storedRulesQuery } from "@/shared/api/rules";
import { InstrumentPicker } from "@/shared/ui/InstrumentPicker";
import classes from "./AlertsPage.module.css";
import type { By } from "./inbox";

/** What somebody looks for; `sent` is left out, because the inbox itself counts as one. */
const STATES: readonly DeliveryState[] = [
  "held",
  "retry",
  "dead",
  "maybe_sent",
  "suppressed",
  "carried",
  "queued",
];

export function Filters() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate();
  const rules = useQuery(storedRulesQuery).data ?? [];
  const put = (change: {
    on?: string | undefined;
    rule?: string | undefined;
    by?: By | undefined;
    state?: DeliveryState | undefined;
    severity?: Severity | undefined;
  }) => void navigate({ to: "/alerts", search: (old) => ({ ...old, ...change }), replace: true });
  const known = rules.some((rule) => rule.rule_uid === search.rule);
  return (
    <div className={classes.filters}>
      <span className={classes.filter}>
        <InstrumentPicker
          label="Only this instrument"
          size="xs"
          style={{ width: 140 }}
          placeholder="any instrument"
          chosen={search.on ? { value: search.on, label: search.on.split(":")[1] ?? search.on } : null}
          onChoose={(item) => put({ on: item.value })}
        />
        {search.on && (
          <ActionIcon size={24} aria-label="Any instrument" onClick={() => put({ on: undefined })}>
            <X size={14} aria-hidden />
          </ActionIcon>
        )}
      </span>
      <Select
        size="xs"
        w={150}
        aria-label="Only this rule"
        searchable
        data={[
          { value: "", label: "any rule" },
          ...(search.rule && !known ? [{ value: search.rule, label: "this rule" }] : []),
          ...rules.map((rule) => ({ value: rule.rule_uid, label: rule.name })),
        ]}
        value={search.rule ?? ""}
        onChange={(value) => put({ rule: value || undefined })}
      />
      <Select
        size="xs"
        w={160}
        aria-label="Delivery"
        data={[
          { value: "", label: "any delivery" },
          ...STATES.map((state) => ({ value: state, label: STATE_WORDS[state] ?? state })),
        ]}
        value={search.state ?? ""}
        onChange={(value) => put({ state: (value || undefined) as DeliveryState | undefined })}
      />
      <Select
        size="xs"
        w={120}
        aria-label="Severity"
        data={[
          { value: "", label: "any severity" },
          { value: "high", label: "high" },
          { value: "normal", label: "normal" },
          { value: "low", label: "low" },
        ]}
        value={search.severity ?? ""}
        onChange={(value) => put({ severity: (value || undefined) as Severity | undefined })}
      />
      <SegmentedControl
        size="xs"
        aria-label="Group by"
        data={[
          { value: "", label: "By time" },
          { value: "rule", label: "By rule" },
          { value: "symbol", label: "By symbol" },
        ]}
        value={search.by ?? ""}
        onChange={(value) => put({ by: (value || undefined) as By | undefined })}
      />
    </div>
  );
}
