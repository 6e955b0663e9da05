/** One alert: what happened, when, with which values, why, and where the message went. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronDown, TriangleAlert } from "lucide-react";
import { useId, useState } from "react";
import { storedRulesQuery, useArmAgain } from "@/shared/api/rules";
import type { Alert, AlertDelivery, Why } from "@/shared/api/ruleTypes";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import page from "@/shared/ui/page.module.css";
import { WhyView } from "@/shared/ui/WhyView";
import classes from "./AlertsPage.module.css";
import { Thumbnail } from "./Thumbnail";

export function Entry({ alert }: { alert: Alert }) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const [isOpen, setOpen] = useState(false);
  const detail = useId();
  const failed = alert.deliveries.some((delivery) => delivery.state === "dead" || delivery.error);
  // Most rules bear the symbol in their name already.
  const rule = alert.rule.startsWith(`${alert.symbol} `)
    ? alert.rule.slice(alert.symbol.length + 1)
    : alert.rule;
  const sentence = typeof alert.values.sentence === "string" ? alert.values.sentence : "";
  return (
    <li className={classes.entry} data-read={alert.is_read}>
      <span className={classes.dot} role="img" aria-label={alert.is_read ? "Read" : "Unread"} />
      <div className={classes.main}>
        <p>
          <Link to="/symbol/$id" params={{ id: alert.instrument }} search={{}} className={page.link}>
            {alert.symbol}
          </Link>{" "}
          <span>{rule}</span>
          {alert.event === "exit" && <span className={classes.word}>ended</span>}
          {alert.severity === "high" && (
            <span className={classes.high}>
              <TriangleAlert size={13} aria-hidden /> high
            </span>
          )}
          {intermediate && alert.severity === "low" && <span className={classes.word}>low</span>}
          {alert.suppressed && <span className={classes.word}>held back: {alert.suppressed}</span>}
        </p>
        {sentence && <p className={classes.sentence}>{sentence}</p>}
        <p className={classes.values}>
          <Values values={alert.values} />
          <time dateTime={alert.event_time} className="num">
            {formats.full(alert.event_time)}
          </time>
          <Button
            variant="subtle"
            size="compact-xs"
            aria-expanded={isOpen}
            aria-controls={detail}
            rightSection={
              <ChevronDown size={13} aria-hidden className={isOpen ? classes.turned : undefined} />
            }
            onClick={() => setOpen(!isOpen)}
          >
            Why
          </Button>
        </p>
        <div id={detail} hidden={!isOpen}>
          {isOpen && <Detail alert={alert} />}
        </div>
        {advanced && <Trace alert={alert} />}
      </div>
      <Thumbnail alert={alert} />
      {(intermediate || failed) && (
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

/** Why it fired, by the version of the rule that did. */
function Detail({ alert }: { alert: Alert }) {
  const why: Partial<Why> = alert.values;
  const condition = typeof why.condition === "string" ? why.condition : "";
  return (
    <div className={classes.detail}>
      {condition && (
        <p>
          <code className="mono">{condition}</code>
          {why.timing && <span className="dim"> at {why.timing}</span>}
        </p>
      )}
      {why.clauses && why.clauses.length > 0 ? (
        <WhyView why={why} />
      ) : (
        <p className="dim">The price crossed the level: the values on both sides stand above.</p>
      )}
      <p className="dim">
        Version {alert.version} of{" "}
        <Link to="/rules/$uid" params={{ uid: alert.rule_uid }} search={{}} className={page.link}>
          {alert.rule}
        </Link>
      </p>
      <ArmAgain uid={alert.rule_uid} />
    </div>
  );
}

const RESTS: Record<string, string> = {
  fired: "It has fired, and rests.",
  disabled: "It is disabled.",
  expired: "It has expired.",
};

/** A rule that rests now, because it fired once or was put to rest, can watch again. */
function ArmAgain({ uid }: { uid: string }) {
  const rule = useQuery(storedRulesQuery).data?.find((one) => one.rule_uid === uid);
  const again = useArmAgain();
  if (!rule || rule.state === "armed") return null;
  return (
    <p>
      <Button variant="default" size="compact-sm" loading={again.isPending} onClick={() => again.mutate(uid)}>
        Arm it again
      </Button>{" "}
      <span className="dim">{RESTS[rule.state] ?? `It is ${rule.state}.`}</span>
      {again.error && (
        <span role="alert" className={classes.error}>
          {" "}
          {again.error.message}
        </span>
      )}
    </p>
  );
}

/** Both sides of what happened: the value that crossed, the one before it, and the level between. */
function Values({ values }: { values: Alert["values"] }) {
  const formats = useFormats();
  const words: [string, unknown][] = [
    ["value", values.value ?? values.close],
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

function Trace({ alert }: { alert: Alert }) {
  const formats = useFormats();
  const event = toMillis(alert.event_time);
  const recorded = toMillis(alert.recorded_at);
  const sent = alert.deliveries.flatMap((delivery) => toMillis(delivery.sent_at) ?? []);
  const late = (from: number | null, to: number | null) =>
    from !== null && to !== null && to >= from ? ` (${formats.number((to - from) / 1000, 3)} s)` : "";
  return (
    <p className={classes.trace}>
      firing {alert.firing_id} · rule {alert.rule_uid}
      {event !== null &&
        recorded !== null &&
        ` · recorded ${formats.clock(recorded)}${late(event, recorded)}`}
      {sent.length > 0 && ` · sent ${formats.clock(Math.min(...sent))}${late(recorded, Math.min(...sent))}`}
    </p>
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
