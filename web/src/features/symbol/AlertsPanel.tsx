/** Alerts on this instrument: what is armed, how far it is, what fired; and the form for a new one. */
import { ActionIcon, Button, Checkbox, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pencil, Trash2 } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { channelsQuery } from "@/shared/api/channels";
import { ApiError } from "@/shared/api/client";
import { alertsQuery, rulesQuery, useArm, useDisarm } from "@/shared/api/queries";
import type { Rule, Stock } from "@/shared/api/types";
import { onStep } from "@/shared/chart/candles";
import { isKnown, parseNumber } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useQuote } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, stateOf } from "@/shared/ui/Panel";
import classes from "./AlertsPanel.module.css";
import { hold, release, useLineDraft } from "./lineDraft";
import { useMoveLine } from "./useMoveLine";

export interface Draft {
  direction?: "above" | "below";
  level?: string;
}

interface Props {
  stock: Stock;
  draft: Draft | null;
  onDraft: (draft: Draft | null) => void;
}

export function AlertsPanel({ stock, draft, onDraft }: Props) {
  const rules = useQuery(rulesQuery);
  const alerts = useQuery(alertsQuery);
  const formats = useFormats();
  const clock = useMarketClock();
  const mine = (rules.data ?? []).filter((rule) => rule.instrument === stock.instrument);
  const armed = mine.filter((rule) => rule.state === "armed");
  const fired = (alerts.data?.items ?? [])
    .filter((alert) => alert.instrument === stock.instrument)
    .slice(0, 4);
  const nothing = armed.length === 0 && fired.length === 0 && !draft;
  return (
    <Panel
      title="Alerts"
      label={`Alerts on ${stock.symbol}`}
      height={138}
      state={stateOf(rules, {
        when: nothing,
        why: `No alert watches ${stock.symbol}. It tells you when the price crosses a level.`,
        action: (
          <Button variant="default" size="xs" onClick={() => onDraft({})}>
            Create the first
          </Button>
        ),
      })}
    >
      {draft && (
        <AlertForm
          key={`${draft.direction}${draft.level}`}
          stock={stock}
          draft={draft}
          onDone={() => onDraft(null)}
        />
      )}
      {armed.length > 0 && (
        <ul className={classes.list} aria-label="Armed alerts">
          {armed.map((rule) => (
            <Armed key={rule.rule_uid} rule={rule} stock={stock} />
          ))}
        </ul>
      )}
      {fired.length > 0 && (
        <>
          <h3 className={classes.sub}>Fired</h3>
          <ul className={classes.list}>
            {fired.map((alert) => (
              <li key={alert.firing_id} className={classes.fired}>
                <Link to="/alerts" search={{ on: stock.instrument }}>
                  {alert.rule}
                </Link>
                <time className="dim num" title={formats.full(alert.event_time)}>
                  {clock ? formats.ago(alert.event_time, clock) : formats.clock(alert.event_time)}
                </time>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Armed({ rule, stock }: { rule: Rule; stock: Stock }) {
  const formats = useFormats();
  const disarm = useDisarm();
  const advanced = useShows("advanced");
  return (
    <li className={classes.armed}>
      <span className={classes.words}>
        {rule.level === null ? (
          <>
            <span>{rule.name}</span>
            <small className="dim">{rule.sentence}</small>
          </>
        ) : (
          <Level rule={rule} stock={stock} />
        )}
        {advanced && <code className={classes.code}>{rule.text}</code>}
      </span>
      <span className={classes.tools}>
        <Tooltip label="Open">
          <ActionIcon
            aria-label={`Open ${rule.name}`}
            renderRoot={(props) => <Link {...props} to="/rules/$uid" params={{ uid: rule.rule_uid }} />}
          >
            <Pencil size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Delete">
          <ActionIcon
            aria-label={
              rule.level === null
                ? `Delete ${rule.name}`
                : `Delete the alert at ${formats.price(rule.level, stock.tick_size)}`
            }
            loading={disarm.isPending}
            onClick={() => disarm.mutate(rule.rule_uid)}
          >
            <Trash2 size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </span>
    </li>
  );
}

const FAR_STEPS = 10;

/**
 * The level of an alert, movable without a pointer: arrows by one step of the price, Shift or Page keys by ten,
 * Enter saves, Escape gives up. The line on the chart follows.
 */
function Level({ rule, stock }: { rule: Rule; stock: Stock }) {
  const row = useQuote(stock.instrument);
  const formats = useFormats();
  const draft = useLineDraft();
  const { move, isPending } = useMoveLine(stock);
  const hint = useId();
  const isMoved = draft.uid === rule.rule_uid;
  const level = isMoved ? draft.price : Number(rule.level);
  const far = isKnown(row.close) ? formats.percent((level / Number(row.close) - 1) * 100) : null;
  const step = Number(stock.tick_size) > 0 ? Number(stock.tick_size) : 0.01;

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by: Record<string, number> = { ArrowUp: 1, ArrowDown: -1, PageUp: FAR_STEPS, PageDown: -FAR_STEPS };
    const steps = (by[event.key] ?? 0) * (event.shiftKey ? FAR_STEPS : 1);
    if (steps && !isPending) {
      const next = Number(onStep(level + steps * step, stock.tick_size));
      if (next > 0) hold(rule.rule_uid, next, false);
    } else if (event.key === "Enter" && isMoved) move(rule, level);
    else if (event.key === "Escape" && isMoved) release();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <span>
        Crosses {rule.direction}{" "}
        <span
          role="spinbutton"
          tabIndex={0}
          className={`num ${classes.movable}`}
          data-moved={isMoved}
          aria-label={`Level of ${rule.name}`}
          aria-describedby={hint}
          aria-valuenow={level}
          aria-valuetext={
            far === null
              ? formats.price(level, stock.tick_size)
              : `${formats.price(level, stock.tick_size)}, ${far} from the price`
          }
          onKeyDown={onKey}
          onBlur={() => isMoved && !isPending && !draft.isDragged && release()}
        >
          {formats.price(level, stock.tick_size)}
        </span>
      </span>
      <small className="dim">
        {isMoved && !draft.isDragged
          ? "Enter saves, Escape gives up"
          : isMoved
            ? "let go to move it here"
            : "armed"}
        {far !== null && (
          <>
            {" · "}
            <span className="num">{far}</span> from the price
          </>
        )}
      </small>
      <span id={hint} className="sr-only">
        Up and down move the level by one step of the price, Page Up and Page Down by ten; Enter saves, Escape
        gives up.
      </span>
    </>
  );
}

function AlertForm({ stock, draft, onDone }: { stock: Stock; draft: Draft; onDone: () => void }) {
  const row = useQuote(stock.instrument);
  const formats = useFormats();
  const channels = useQuery(channelsQuery);
  const arm = useArm();
  const [start] = useState(() => Number(row.close ?? stock.close));
  const [direction, setDirection] = useState<"above" | "below">(
    draft.direction ?? (draft.level && Number(draft.level) < start ? "below" : "above"),
  );
  const [text, setText] = useState(
    draft.level ?? (Number.isFinite(start) ? onStep(start * 1.01, stock.tick_size) : ""),
  );
  const [chosen, setChosen] = useState<string[]>([]);
  const field = useRef<HTMLInputElement>(null);
  const legend = useId();
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const level = parseNumber(text);
  const wrong =
    text.trim() && (level === null || level <= 0) ? "A price, for example 1,600 or 1600.50" : null;
  const price = isKnown(row.close) ? Number(row.close) : null;
  const beyond = level !== null && price !== null && (direction === "above" ? price > level : price < level);
  const exact = (price: number) => onStep(price, stock.tick_size);
  const others = (channels.data ?? []).filter((channel) => channel.kind !== "in_app" && channel.is_enabled);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (level === null || level <= 0 || arm.isPending) return;
    arm.mutate(
      {
        name: `${stock.symbol} ${direction} ${exact(level)}`,
        instrument: stock.instrument,
        direction,
        level: exact(level),
        notify: ["in_app", ...chosen],
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form
      className={classes.form}
      onSubmit={submit}
      aria-label="New alert"
      onKeyDown={(event) => event.key === "Escape" && onDone()}
    >
      <div className={classes.sentence}>
        <span>When {stock.symbol} crosses</span>
        <SegmentedControl
          size="xs"
          aria-label="Direction"
          data={[
            { value: "above", label: "above" },
            { value: "below", label: "below" },
          ]}
          value={direction}
          onChange={(value) => setDirection(value as "above" | "below")}
        />
        <TextInput
          ref={field}
          className={classes.level}
          aria-label="Level"
          inputMode="decimal"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={wrong}
        />
      </div>
      <fieldset className={classes.tell} aria-labelledby={legend}>
        <legend id={legend}>tell me once</legend>
        <Checkbox size="xs" label="in the app" checked readOnly disabled />
        {others.map((channel) => (
          <Checkbox
            key={channel.channel_id}
            size="xs"
            label={channel.name}
            checked={chosen.includes(channel.channel_id)}
            onChange={(event) =>
              setChosen((old) =>
                event.currentTarget.checked
                  ? [...old, channel.channel_id]
                  : old.filter((id) => id !== channel.channel_id),
              )
            }
          />
        ))}
        {others.length === 0 && (
          <Link to="/settings" className="dim">
            add a channel
          </Link>
        )}
      </fieldset>
      <p className={classes.hint} aria-live="polite">
        {beyond && level !== null && price !== null
          ? `The price, ${formats.price(price, stock.tick_size)}, is already ${direction} it: it must first come back and cross again.`
          : level !== null && price !== null && level > 0
            ? `${formats.percent((level / price - 1) * 100)} from the price now. A touch is not a cross: the price must go through.`
            : ""}
      </p>
      {arm.isError && (
        <p role="alert" className={classes.error}>
          {arm.error.message}
          {arm.error instanceof ApiError && arm.error.requestId
            ? ` (${arm.error.requestId.slice(0, 8)})`
            : ""}
        </p>
      )}
      <div className={classes.actions}>
        <Button type="submit" size="xs" loading={arm.isPending} disabled={level === null || level <= 0}>
          Arm the alert
        </Button>
        <Button variant="subtle" size="xs" onClick={onDone}>
          Cancel
        </Button>
        <Link
          to="/rules/new"
          search={{
            on: stock.instrument,
            [direction]: level !== null && level > 0 ? exact(level) : undefined,
          }}
          className={classes.more}
        >
          Other conditions…
        </Link>
      </div>
    </form>
  );
}
