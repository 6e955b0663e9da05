/** One alert: what happened, when, with which values, why, where the message went, and what can be done. */
import { Button, Checkbox } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AlarmClock, Check, ChevronDown, RotateCw, TriangleAlert } from "lucide-react";
import { useId, useState } from "react";
import { DeliveryWord, useMoment } from "@/shared/alerts/DeliveryWord";
import { useReplay } from "@/shared/api/delivery";
import { storedRulesQuery, useArmAgain } from "@/shared/api/rules";
import type { Alert, Why } from "@/shared/api/ruleTypes";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import page from "@/shared/ui/page.module.css";
import { WhyView } from "@/shared/ui/WhyView";
import classes from "./AlertsPage.module.css";
import { EntryActions } from "./EntryActions";
import { isHouse } from "./inbox";
import { Thumbnail } from "./Thumbnail";

interface Props {
  alert: Alert;
  /** Of its deliveries: how many others each message tells. */
  others: ReadonlyMap<string, number>;
  isChosen: boolean;
  onChoose: ((isChosen: boolean) => void) | undefined;
  onStory: () => void;
}

export function Entry({ alert, others, isChosen, onChoose, onStory }: Props) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const [isOpen, setOpen] = useState(false);
  const detail = useId();
  const house = isHouse(alert);
  // Most rules bear the symbol in their name already.
  const rule = alert.rule.startsWith(`${alert.symbol} `)
    ? alert.rule.slice(alert.symbol.length + 1)
    : alert.rule;
  const sentence = typeof alert.values.sentence === "string" ? alert.values.sentence : "";
  // That it stands here needs no word, but for those who look into the works.
  const told = alert.deliveries.filter((one) => one.channel !== "in_app" || advanced);
  return (
    <li className={classes.entry} data-read={alert.is_read} data-firing={alert.firing_id} tabIndex={-1}>
      {onChoose && (
        <Checkbox
          size="xs"
          className={classes.choose}
          aria-label={`Choose ${alert.symbol}, ${alert.rule}`}
          checked={isChosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      )}
      <span className={classes.dot} role="img" aria-label={alert.is_read ? "Read" : "Unread"} />
      <div className={classes.main}>
        <p>
          {house ? (
            <b>{alert.symbol}</b>
          ) : (
            <Link to="/symbol/$id" params={{ id: alert.instrument }} search={{}} className={page.link}>
              {alert.symbol}
            </Link>
          )}{" "}
          <span>{rule}</span>
          {alert.event === "exit" && <span className={classes.word}>{house ? "over" : "ended"}</span>}
          {alert.severity === "high" && (
            <span className={classes.high}>
              <TriangleAlert size={13} aria-hidden /> high
            </span>
          )}
          {intermediate && alert.severity === "low" && <span className={classes.word}>low</span>}
          {alert.suppressed && <span className={classes.word}>held back: {alert.suppressed}</span>}
          <Muted alert={alert} />
        </p>
        {sentence && <p className={classes.sentence}>{sentence}</p>}
        <p className={classes.values}>
          <Values values={alert.values} />
          <time dateTime={alert.event_time} className="num">
            {formats.full(alert.event_time)}
          </time>
        </p>
        <div className={classes.does}>
          {!house && (
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
          )}
          <EntryActions alert={alert} onStory={onStory} />
        </div>
        <div id={detail} hidden={!isOpen}>
          {isOpen && <Detail alert={alert} />}
        </div>
        {advanced && <Trace alert={alert} />}
      </div>
      {!house && <Thumbnail alert={alert} />}
      {told.length > 0 && (
        <ul className={classes.deliveries} aria-label="Deliveries">
          {told.map((delivery) => (
            <li key={delivery.delivery_id}>
              <DeliveryWord delivery={delivery} others={others.get(delivery.delivery_id) ?? 0} />
              {(delivery.state === "dead" || (advanced && delivery.state === "maybe_sent")) && (
                <Again id={delivery.delivery_id} isTwice={delivery.state === "maybe_sent"} />
              )}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** Seen, or put off, and until when. */
function Muted({ alert }: { alert: Alert }) {
  const moment = useMoment();
  if (!alert.ack) return null;
  const holds = Date.parse(alert.ack.until) > Date.now();
  const isSnooze = alert.ack.kind === "snooze";
  if (isSnooze && !holds) return null;
  return (
    <span className={classes.word} title={`By ${alert.ack.by}, ${moment(alert.ack.at)}`}>
      {isSnooze ? <AlarmClock size={12} aria-hidden /> : <Check size={12} aria-hidden />}{" "}
      {isSnooze ? `snoozed until ${moment(alert.ack.until)}` : "seen"}
      {!isSnooze && holds && `, quiet until ${moment(alert.ack.until)}`}
    </span>
  );
}

/** Another try for a message that was given up, or knowingly a second one for one that nobody knows of. */
function Again({ id, isTwice }: { id: string; isTwice: boolean }) {
  const replay = useReplay();
  return (
    <>
      <Button
        variant="subtle"
        size="compact-xs"
        leftSection={<RotateCw size={13} aria-hidden />}
        title={isTwice ? "It may arrive a second time" : "All its attempts are before it again"}
        loading={replay.isPending}
        onClick={() => replay.mutate({ delivery_ids: [id] })}
      >
        {isTwice ? "Send it again" : "Try again"}
      </Button>
      {replay.error && (
        <span role="alert" className={classes.error}>
          {replay.error.message}
        </span>
      )}
    </>
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
