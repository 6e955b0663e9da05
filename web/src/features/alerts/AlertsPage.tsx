/** The inbox: what fired, with which value and when, and where the message went. And the rules behind it. */
import { ActionIcon, Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { CheckCheck, Trash2 } from "lucide-react";
import { alertsQuery, rulesQuery, useDisarm, useReadAlerts } from "@/shared/api/queries";
import type { Alert, AlertDelivery, Rule } from "@/shared/api/types";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { openCommand } from "@/shared/ui/command";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import classes from "./AlertsPage.module.css";

export function AlertsPage() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate();
  const show = search.show ?? "all";
  const alerts = useQuery(alertsQuery);
  const read = useReadAlerts();
  const newest = alerts.data?.items.reduce<string | null>(
    (most, alert) => (alert.recorded_at && (!most || alert.recorded_at > most) ? alert.recorded_at : most),
    null,
  );
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Alerts</h1>
          <p>{words(alerts.data?.unread)}</p>
        </div>
        <div className={classes.actions}>
          <SegmentedControl
            aria-label="Which alerts"
            data={[
              { value: "all", label: "Inbox" },
              { value: "unread", label: "Unread" },
              { value: "rules", label: "Rules" },
            ]}
            value={show}
            onChange={(value) =>
              void navigate({
                to: "/alerts",
                search: { show: value === "all" ? undefined : (value as "unread" | "rules") },
              })
            }
          />
          <Button
            variant="default"
            leftSection={<CheckCheck size={16} aria-hidden />}
            disabled={!newest || !alerts.data?.unread}
            loading={read.isPending}
            onClick={() => newest && read.mutate(newest)}
          >
            Mark all read
          </Button>
        </div>
      </div>
      {show === "rules" ? <RulesPanel /> : <Inbox unread={show === "unread"} />}
    </>
  );
}

function words(unread: number | undefined): string {
  if (unread === undefined) return "";
  return unread === 0 ? "Nothing unread." : `${unread} unread.`;
}

function Inbox({ unread }: { unread: boolean }) {
  const query = useQuery(alertsQuery);
  const advanced = useShows("advanced");
  const items = (query.data?.items ?? []).filter((alert) => !unread || !alert.is_read);
  return (
    <Panel
      title="Inbox"
      source={query.data?.source}
      height={320}
      flush={items.length > 0}
      onRefresh={() => void query.refetch()}
      state={stateOf(query, {
        when: items.length === 0,
        why: unread
          ? "You have read everything."
          : "No alert has fired. Create one on a company's page, and it will be told here.",
        action: unread ? undefined : (
          <Button variant="default" size="xs" onClick={() => openCommand("alert ")}>
            Create an alert
          </Button>
        ),
      })}
    >
      <ol className={classes.inbox}>
        {items.map((alert) => (
          <Entry key={alert.firing_id} alert={alert} advanced={advanced} />
        ))}
      </ol>
    </Panel>
  );
}

function Entry({ alert, advanced }: { alert: Alert; advanced: boolean }) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const event = toMillis(alert.event_time);
  const recorded = toMillis(alert.recorded_at);
  // Most rules bear the symbol in their name already.
  const rule = alert.rule.startsWith(`${alert.symbol} `)
    ? alert.rule.slice(alert.symbol.length + 1)
    : alert.rule;
  return (
    <li className={classes.entry} data-read={alert.is_read}>
      <span className={classes.dot} role="img" aria-label={alert.is_read ? "Read" : "Unread"} />
      <div className={classes.main}>
        <p>
          <Link to="/symbol/$id" params={{ id: alert.instrument }} search={{}} className={page.link}>
            {alert.symbol}
          </Link>{" "}
          <span>{rule}</span>
        </p>
        <p className={classes.values}>
          <Values values={alert.values} />
          <time dateTime={alert.event_time} className="num">
            {formats.full(alert.event_time)}
          </time>
        </p>
        {advanced && (
          <p className={classes.trace}>
            {Object.entries(alert.values)
              .map(
                ([name, value]) =>
                  `${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
              )
              .join(" ")}
            <br />
            firing {alert.firing_id} · rule {alert.rule_uid}
            {recorded !== null && event !== null && ` · recorded ${formats.full(alert.recorded_at)}`}
          </p>
        )}
      </div>
      {(intermediate || alert.deliveries.some((delivery) => delivery.state === "dead" || delivery.error)) && (
        <ul className={classes.deliveries} aria-label="Deliveries">
          {alert.deliveries.map((delivery, index) => (
            <li key={index}>
              <DeliveryWord delivery={delivery} />
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** Both sides of what happened: the price that crossed, the one before it, and the level between. */
function Values({ values }: { values: Alert["values"] }) {
  const formats = useFormats();
  const words: [string, unknown][] = [
    ["price", values.value ?? values.close],
    ["before", values.previous],
    ["level", values.level],
  ];
  return words.map(([name, value]) =>
    typeof value === "number" || typeof value === "string" ? (
      <span key={name} className="num">
        {name} <b>{formats.price(value)}</b>
      </span>
    ) : null,
  );
}

const CHANNELS: Record<string, string> = { in_app: "In the app", webhook: "Webhook", slack: "Slack" };

function DeliveryWord({ delivery }: { delivery: AlertDelivery }) {
  const formats = useFormats();
  const tone =
    delivery.state === "sent" || delivery.state === "delivered"
      ? "ok"
      : delivery.state === "dead" || delivery.state === "failed"
        ? "bad"
        : "warn";
  return (
    <span
      className={classes.delivery}
      title={[delivery.error, delivery.sent_at ? formats.full(delivery.sent_at) : ""]
        .filter(Boolean)
        .join(" · ")}
    >
      <i className={classes[tone]} aria-hidden />
      {CHANNELS[delivery.channel] ?? delivery.channel}
      {delivery.address_label && delivery.channel !== "in_app" ? ` (${delivery.address_label})` : ""}:{" "}
      {delivery.state}
      {delivery.attempts > 1 && ` after ${delivery.attempts} tries`}
      {delivery.error && <span className={classes.error}> {delivery.error}</span>}
    </span>
  );
}

function RulesPanel() {
  const query = useQuery(rulesQuery);
  const disarm = useDisarm();
  const formats = useFormats();
  const advanced = useShows("advanced");
  const clock = useMarketClock();
  const navigate = useNavigate();
  const columns: Column<Rule>[] = [
    { id: "name", title: "Rule", text: (rule) => rule.name, cell: (rule) => rule.name },
    {
      id: "symbol",
      title: "Instrument",
      text: (rule) => rule.symbol ?? "",
      cell: (rule) =>
        rule.instrument ? (
          <Link to="/symbol/$id" params={{ id: rule.instrument }} search={{}} className={page.link}>
            {rule.symbol ?? rule.instrument}
          </Link>
        ) : (
          "—"
        ),
    },
    {
      id: "level",
      title: "Crosses",
      align: "right",
      value: (rule) => rule.level,
      cell: (rule) => (
        <span className="num">
          {rule.direction ?? ""} {formats.price(rule.level)}
        </span>
      ),
    },
    { id: "state", title: "State", text: (rule) => rule.state, cell: (rule) => rule.state },
    {
      id: "created",
      title: "Created",
      align: "right",
      value: (rule) => toMillis(rule.created_at),
      cell: (rule) => <span className="num">{formats.full(rule.created_at)}</span>,
    },
  ];
  if (advanced)
    columns.push({ id: "text", title: "As text", cell: (rule) => <code className="mono">{rule.text}</code> });
  columns.push({
    id: "act",
    title: "",
    about: "Delete",
    align: "right",
    cell: (rule) => (
      <ActionIcon
        aria-label={`Delete ${rule.name}`}
        loading={disarm.isPending && disarm.variables === rule.rule_uid}
        onClick={() => disarm.mutate(rule.rule_uid)}
      >
        <Trash2 size={16} aria-hidden />
      </ActionIcon>
    ),
  });
  const rows = query.data ?? [];
  return (
    <Panel
      title="Rules"
      clock={clock}
      height={240}
      flush={rows.length > 0}
      state={stateOf(query, {
        when: rows.length === 0,
        why: "No rule yet. A rule watches one price and tells you once when it crosses a level.",
        action: (
          <Button variant="default" size="xs" onClick={() => openCommand("alert ")}>
            Create an alert
          </Button>
        ),
      })}
    >
      <DataTable
        label="Rules"
        rows={rows}
        columns={columns}
        keyOf={(rule) => rule.rule_uid}
        height={640}
        onOpen={(rule) =>
          rule.instrument && void navigate({ to: "/symbol/$id", params: { id: rule.instrument }, search: {} })
        }
      />
    </Panel>
  );
}
