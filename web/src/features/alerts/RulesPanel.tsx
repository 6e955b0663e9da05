/** The rules: what each says in words, its state, how often it fired, and what can be done with it. */
import { ActionIcon, Button, Checkbox, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import {
  BellOff,
  BellPlus,
  CircleHelp,
  Download,
  EllipsisVertical,
  Inbox,
  Pencil,
  Upload,
  VolumeX,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useDisarm } from "@/shared/api/queries";
import { storedRulesQuery, useArmAgain } from "@/shared/api/rules";
import type { StoredRule } from "@/shared/api/ruleTypes";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveText } from "@/shared/ui/save";
import classes from "./AlertsPage.module.css";
import { NewAlertLink } from "./NewAlertLink";

// Dialogs come when they are first wanted.
const WhyDialog = lazy(() => import("./WhyDialog"));
const ImportDialog = lazy(() => import("./ImportDialog"));
const SilenceDialog = lazy(() => import("@/shared/alerts/SilenceDialog"));

const STATE_WORDS: Record<string, string> = {
  armed: "Armed",
  fired: "Fired, rests",
  disabled: "Disabled",
  expired: "Expired",
};

export function RulesPanel() {
  const query = useQuery(storedRulesQuery);
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const clock = useMarketClock();
  const navigate = useNavigate();
  const [isAll, setAll] = useState(false);
  const [asked, setAsked] = useState<StoredRule | null>(null);
  const [isImporting, setImporting] = useState(false);
  const [muted, setMuted] = useState<StoredRule | null>(null);
  const all = query.data ?? [];
  const disabled = all.filter((rule) => rule.state === "disabled").length;
  const rows = isAll ? all : all.filter((rule) => rule.state !== "disabled");
  const columns: Column<StoredRule>[] = [
    {
      id: "name",
      title: "Rule",
      text: (rule) => rule.name,
      cell: (rule) => (
        <span className={classes.rule}>
          <Link to="/rules/$uid" params={{ uid: rule.rule_uid }} search={{}} className={page.link}>
            {rule.name}
          </Link>
          <small>{rule.sentence || rule.condition}</small>
          {rule.problem && <span className={classes.problem}>Cannot be evaluated: {rule.problem}</span>}
          {advanced && <code className="mono">{rule.text}</code>}
        </span>
      ),
    },
    {
      id: "state",
      title: "State",
      text: (rule) => rule.state,
      cell: (rule) => (
        <span className={classes.state} data-state={rule.state}>
          {STATE_WORDS[rule.state] ?? rule.state}
        </span>
      ),
    },
  ];
  if (intermediate)
    columns.push(
      {
        id: "on",
        title: "On",
        text: (rule) => rule.universe,
        cell: (rule) =>
          rule.instrument ? (
            <Link to="/symbol/$id" params={{ id: rule.instrument }} search={{}} className={page.link}>
              {rule.symbol ?? rule.instrument}
            </Link>
          ) : (
            rule.universe
          ),
      },
      { id: "timing", title: "Looks", text: (rule) => rule.timing, cell: (rule) => rule.timing },
    );
  columns.push(
    {
      id: "firings",
      title: "Fired",
      about: "How often it fired, all in all",
      align: "right",
      value: (rule) => rule.firings,
      cell: (rule) => <span className="num">{formats.count(rule.firings)}</span>,
    },
    {
      id: "last",
      title: "Last",
      about: "When it fired last",
      align: "right",
      value: (rule) => toMillis(rule.last_fired_at),
      cell: (rule) => (
        <span className="num" title={formats.full(rule.last_fired_at)}>
          {rule.last_fired_at && clock ? formats.ago(rule.last_fired_at, clock) : "never"}
        </span>
      ),
    },
  );
  if (advanced)
    columns.push(
      {
        id: "version",
        title: "Version",
        align: "right",
        value: (rule) => rule.version,
        cell: (rule) => rule.version,
      },
      { id: "group", title: "Group", text: (rule) => rule.group, cell: (rule) => rule.group || "—" },
    );
  columns.push({
    id: "act",
    title: "",
    about: "Actions",
    align: "right",
    cell: (rule) => <RuleMenu rule={rule} onWhy={() => setAsked(rule)} onSilence={() => setMuted(rule)} />,
  });
  return (
    <Panel
      title="Rules"
      clock={clock}
      height={240}
      flush={rows.length > 0}
      tools={
        <div className={classes.filters}>
          {disabled > 0 && (
            <Checkbox
              size="xs"
              label={`Show ${disabled} disabled`}
              checked={isAll}
              onChange={(event) => setAll(event.currentTarget.checked)}
            />
          )}
          {advanced && (
            <>
              <Button
                variant="subtle"
                size="compact-sm"
                leftSection={<Upload size={15} aria-hidden />}
                onClick={() => setImporting(true)}
              >
                Import
              </Button>
              <Button
                variant="subtle"
                size="compact-sm"
                leftSection={<Download size={15} aria-hidden />}
                disabled={rows.length === 0}
                onClick={() => saveText("rules.bell", fileOf(rows))}
              >
                Export
              </Button>
            </>
          )}
        </div>
      }
      state={stateOf(query, {
        when: rows.length === 0,
        why: "No rule yet. A rule watches a price, or anything the screens show, and tells you when it happens.",
        action: <NewAlertLink size="xs">Create an alert</NewAlertLink>,
      })}
    >
      <DataTable
        label="Rules"
        rows={rows}
        columns={columns}
        keyOf={(rule) => rule.rule_uid}
        height={680}
        onOpen={(rule) => void navigate({ to: "/rules/$uid", params: { uid: rule.rule_uid }, search: {} })}
      />
      <Suspense fallback={null}>
        {asked && <WhyDialog rule={asked} onClose={() => setAsked(null)} />}
        {muted && (
          <SilenceDialog
            about={{
              rule_uid: muted.rule_uid,
              rule: muted.name,
              ...(muted.instrument && {
                instrument: muted.instrument,
                symbol: muted.symbol ?? muted.instrument,
              }),
            }}
            onClose={() => setMuted(null)}
          />
        )}
        {isImporting && <ImportDialog onClose={() => setImporting(false)} />}
      </Suspense>
    </Panel>
  );
}

/** A `.bell` file: each rule behind its uid, so that it is the same rule where the file is read again. */
function fileOf(rules: readonly StoredRule[]): string {
  return rules.map((rule) => `# rule_uid: ${rule.rule_uid}\n${rule.text}\n`).join("\n");
}

function RuleMenu(props: { rule: StoredRule; onWhy: () => void; onSilence: () => void }) {
  const { rule, onWhy, onSilence } = props;
  const disarm = useDisarm();
  const again = useArmAgain();
  const navigate = useNavigate();
  const failed = (error: Error) =>
    notifications.show({ title: rule.name, message: error.message, color: "red" });
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon
          aria-label={`More for ${rule.name}`}
          size={28}
          loading={disarm.isPending || again.isPending}
        >
          <EllipsisVertical size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<Pencil size={14} aria-hidden />}
          onClick={() => void navigate({ to: "/rules/$uid", params: { uid: rule.rule_uid }, search: {} })}
        >
          Open and change
        </Menu.Item>
        <Menu.Item
          leftSection={<Inbox size={14} aria-hidden />}
          onClick={() => void navigate({ to: "/alerts", search: { rule: rule.rule_uid } })}
        >
          What it fired
        </Menu.Item>
        <Menu.Item leftSection={<VolumeX size={14} aria-hidden />} onClick={onSilence}>
          Silence…
        </Menu.Item>
        {rule.state === "armed" ? (
          <>
            <Menu.Item leftSection={<CircleHelp size={14} aria-hidden />} onClick={onWhy}>
              Why not?
            </Menu.Item>
            <Menu.Item
              leftSection={<BellOff size={14} aria-hidden />}
              onClick={() => disarm.mutate(rule.rule_uid, { onError: failed })}
            >
              Disable
            </Menu.Item>
          </>
        ) : (
          <Menu.Item
            leftSection={<BellPlus size={14} aria-hidden />}
            onClick={() => again.mutate(rule.rule_uid, { onError: failed })}
          >
            Arm again
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
