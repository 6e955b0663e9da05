/** Everything of a rule but its condition: on what, when it looks, how often it may tell, and whom. */
import { ActionIcon, Autocomplete, NumberInput, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { watchlistsQuery } from "@/shared/api/queries";
import type { RuleForm, Scope } from "@/shared/api/ruleTypes";
import { useShows } from "@/shared/prefs/prefs";
import { InstrumentPicker } from "@/shared/ui/InstrumentPicker";
import { ChannelMenu } from "./ChannelMenu";
import { ConditionEditor } from "./ConditionEditor";
import { isSpan, LIVES, SPANS } from "./clauses";
import { EMPTY } from "./conditions";
import {
  FIRES,
  instrumentOf,
  SEVERITIES,
  STALES,
  scopeKey,
  scopeOf,
  scopeWords,
  TIMINGS,
  timingOf,
  timingWord,
} from "./forms";
import { Operand } from "./Operand";
import classes from "./rules.module.css";
import { useUniverses } from "./useRegistry";
import type { FormError } from "./useRule";

interface Props {
  form: RuleForm;
  errors: readonly FormError[];
  onForm: (form: RuleForm) => void;
}

export function ClausesForm(props: Props) {
  const advanced = useShows("advanced");
  return (
    <div className={classes.clauses}>
      <Looks {...props} />
      <Tells {...props} />
      <Ends {...props} />
      {advanced && <Rare {...props} />}
    </div>
  );
}

const messageOf = (errors: readonly FormError[], name: string) =>
  errors.find((error) => error.path === name || error.path.startsWith(`${name}.`))?.message;

/** On which instruments; several are one rule with a state for each. */
export function ScopeField({ form, errors, onForm }: Props) {
  const watchlists = useQuery(watchlistsQuery).data ?? [];
  const universes = useUniverses();
  const put = (on: Scope[]) => onForm({ ...form, on });
  const lists: Scope[] = [
    ...watchlists.map((list): Scope => ({ kind: "watchlist", name: list.name, venue: "" })),
    ...universes.map((name): Scope => ({ kind: "universe", name, venue: "" })),
    { kind: "all", name: "", venue: "" },
    { kind: "portfolio", name: "", venue: "" },
  ];
  return (
    <div className={classes.field}>
      <span className={classes.label} id="on-label">
        On
      </span>
      <ul className={classes.scopes} aria-labelledby="on-label">
        {form.on.map((scope) => (
          <li key={scopeKey(scope)}>
            {scopeWords(scope)}
            <ActionIcon
              size={24}
              aria-label={`Take ${scopeWords(scope)} away`}
              onClick={() => put(form.on.filter((one) => one !== scope))}
            >
              <X size={13} aria-hidden />
            </ActionIcon>
          </li>
        ))}
        <li>
          <InstrumentPicker
            label={form.on.length > 0 ? "One more company or list" : "Company or list"}
            size="xs"
            style={{ width: 170 }}
            placeholder={form.on.length > 0 ? "one more…" : "a company or list…"}
            chosen={null}
            more={[
              {
                group: "Many at once",
                items: lists.map((scope) => ({ value: scopeKey(scope), label: scopeWords(scope) })),
              },
            ]}
            onChoose={(item) => {
              const scope = lists.find((one) => scopeKey(one) === item.value) ?? scopeOf(item.value);
              if (!form.on.some((one) => scopeKey(one) === scopeKey(scope))) put([...form.on, scope]);
            }}
          />
        </li>
      </ul>
      <Wrong message={messageOf(errors, "on")} />
    </div>
  );
}

function Looks({ form, errors, onForm }: Props) {
  const venue = form.session?.venue ?? instrumentOf(form.on[0])?.split(":")[0] ?? "NSE";
  const word = timingWord(form.at);
  const listed = TIMINGS.some((group) => group.items.some((item) => item.value === word));
  const groups = listed
    ? TIMINGS
    : [{ group: "As written", items: [{ value: word, label: word }] }, ...TIMINGS];
  return (
    <Fields title="When it looks">
      <Select
        size="xs"
        label="Looks"
        data={groups.map((group) => ({ group: group.group, items: [...group.items] }))}
        value={word}
        error={messageOf(errors, "at")}
        onChange={(value) => onForm({ ...form, at: timingOf(value ?? "", form.at) })}
      />
      {form.at?.kind === "schedule" && (
        <TextInput
          size="xs"
          label="Schedule"
          description="minute hour day month weekday"
          value={form.at.word}
          onChange={(event) =>
            onForm({ ...form, at: { kind: "schedule", timeframe: null, word: event.currentTarget.value } })
          }
        />
      )}
      <Select
        size="xs"
        label="Hours"
        data={[
          { value: "", label: "the whole session" },
          { value: "window", label: "a part of it" },
        ]}
        value={form.session ? "window" : ""}
        onChange={(value) =>
          onForm({ ...form, session: value ? { venue, from: "09:30", to: "15:00" } : null })
        }
      />
      {form.session && (
        <div className={classes.pair}>
          {(["from", "to"] as const).map((end) => (
            <TextInput
              key={end}
              size="xs"
              label={end === "from" ? `From (${form.session?.venue})` : "To"}
              placeholder="09:30"
              maxLength={5}
              value={form.session?.[end] ?? ""}
              error={messageOf(errors, `session.${end}`)}
              onChange={(event) =>
                form.session &&
                onForm({ ...form, session: { ...form.session, [end]: event.currentTarget.value } })
              }
            />
          ))}
        </div>
      )}
    </Fields>
  );
}

function Tells({ form, errors, onForm }: Props) {
  return (
    <Fields title="How often it tells">
      <Select
        size="xs"
        label="Fires"
        data={FIRES.map((one) => ({ ...one }))}
        value={form.fire ?? ""}
        error={messageOf(errors, "fire")}
        onChange={(value) => onForm({ ...form, fire: value || null })}
      />
      <Span
        label="Cooldown"
        none="none"
        value={form.cooldown?.duration ?? ""}
        error={messageOf(errors, "cooldown")}
        onChange={(value) =>
          onForm({
            ...form,
            cooldown: value ? { duration: value, per: form.cooldown?.per ?? "symbol" } : null,
          })
        }
      />
      {form.cooldown && (
        <Select
          size="xs"
          label="Cooldown for"
          data={[
            { value: "symbol", label: "each instrument" },
            { value: "rule", label: "the whole alert" },
          ]}
          value={form.cooldown.per}
          onChange={(value) =>
            form.cooldown &&
            onForm({ ...form, cooldown: { ...form.cooldown, per: value === "rule" ? "rule" : "symbol" } })
          }
        />
      )}
      <div className={classes.field}>
        <span className={classes.label}>Tell me</span>
        <ChannelMenu notify={form.notify} onChange={(notify) => onForm({ ...form, notify })} />
        <Wrong message={messageOf(errors, "notify")} />
      </div>
      <Select
        size="xs"
        label="Severity"
        data={SEVERITIES.map((one) => ({ ...one }))}
        value={form.severity === "normal" ? "" : (form.severity ?? "")}
        onChange={(value) => onForm({ ...form, severity: (value || null) as RuleForm["severity"] })}
      />
    </Fields>
  );
}

function Ends({ form, errors, onForm }: Props) {
  const kind = form.expires === null ? "" : "after" in form.expires ? "after" : "on";
  return (
    <Fields title="How long it lives">
      <Select
        size="xs"
        label="Ends"
        data={[
          { value: "", label: "never" },
          { value: "after", label: "after a time" },
          { value: "on", label: "with a day" },
        ]}
        value={kind}
        error={messageOf(errors, "expires")}
        onChange={(value) =>
          onForm({
            ...form,
            expires: value === "after" ? { after: "30d" } : value === "on" ? { on: inThirtyDays() } : null,
          })
        }
      />
      {form.expires && "after" in form.expires && (
        <Span
          label="After"
          choices={LIVES}
          value={form.expires.after}
          onChange={(value) => onForm({ ...form, expires: { after: value } })}
        />
      )}
      {form.expires && "on" in form.expires && (
        <TextInput
          size="xs"
          type="date"
          label="Last day"
          value={form.expires.on}
          onChange={(event) => onForm({ ...form, expires: { on: event.currentTarget.value } })}
        />
      )}
    </Fields>
  );
}

/** The clauses few rules need. */
function Rare({ form, errors, onForm }: Props) {
  return (
    <>
      <Fields title="Steadiness">
        <Span
          label="Hold: true for"
          none="at once"
          value={form.hold ?? ""}
          error={messageOf(errors, "hold")}
          onChange={(value) => onForm({ ...form, hold: value || null })}
        />
        <Select
          size="xs"
          label="Ready again"
          data={[
            { value: "", label: "when it is false (usual)" },
            { value: "false", label: "when it is false" },
            { value: "when", label: "when another condition holds" },
            { value: "after", label: "after a time" },
            { value: "never", label: "never" },
          ]}
          value={form.rearm?.kind ?? ""}
          error={form.rearm?.kind === "when" ? undefined : messageOf(errors, "rearm")}
          onChange={(value) =>
            onForm({
              ...form,
              rearm:
                value === "when"
                  ? { kind: "when", when: form.rearm?.when ?? EMPTY, after: null }
                  : value === "after"
                    ? { kind: "after", when: null, after: form.rearm?.after ?? "30m" }
                    : value === "false" || value === "never"
                      ? { kind: value, when: null, after: null }
                      : null,
            })
          }
        />
        {form.rearm?.kind === "after" && (
          <Span
            label="Ready again after"
            value={form.rearm.after ?? ""}
            onChange={(value) => form.rearm && onForm({ ...form, rearm: { ...form.rearm, after: value } })}
          />
        )}
        <NumberInput
          size="xs"
          label="Most a day"
          placeholder="50"
          min={1}
          max={10_000}
          value={form.limit ?? ""}
          error={messageOf(errors, "limit")}
          onChange={(value) => onForm({ ...form, limit: value === "" ? null : Number(value) })}
        />
      </Fields>
      {form.rearm?.kind === "when" && (
        <div className={classes.field}>
          <span className={classes.label}>Ready again when</span>
          <ConditionEditor
            name="rearm.when"
            root={form.rearm.when ?? EMPTY}
            errors={errors}
            onChange={(when) => form.rearm && onForm({ ...form, rearm: { ...form.rearm, when } })}
          />
        </div>
      )}
      <Fields title="Old data, and the message">
        <Select
          size="xs"
          label="Old data"
          data={STALES.map((one) => ({ ...one }))}
          value={form.stale ?? ""}
          onChange={(value) => onForm({ ...form, stale: (value || null) as RuleForm["stale"] })}
        />
        <Span
          label="Too late after"
          none="never too late"
          value={form.max_age ?? ""}
          error={messageOf(errors, "max_age")}
          onChange={(value) => onForm({ ...form, max_age: value || null })}
        />
        <Span
          label="Digest: one message each"
          none="each by itself"
          value={form.digest ?? ""}
          error={messageOf(errors, "digest")}
          onChange={(value) => onForm({ ...form, digest: value || null })}
        />
        <TextInput
          size="xs"
          label="If that fails, tell"
          placeholder="sms"
          value={form.fallback ?? ""}
          error={messageOf(errors, "fallback")}
          onChange={(event) => onForm({ ...form, fallback: event.currentTarget.value.trim() || null })}
        />
      </Fields>
      <div className={classes.field}>
        <span className={classes.label}>Paper order, when it fires</span>
        <Operand
          label="Paper order"
          isWide
          placeholder="paper_buy(qty: 10)"
          value={form.action ?? ""}
          error={messageOf(errors, "action")}
          onChange={(value) => onForm({ ...form, action: value.trim() === "" ? null : value })}
        />
      </div>
      <div className={classes.field}>
        <span className={classes.label}>Only where (checked once a day, narrows the list)</span>
        {form.where ? (
          <ConditionEditor
            name="where"
            root={form.where}
            errors={errors}
            onChange={(where) => onForm({ ...form, where })}
          />
        ) : null}
        <button
          type="button"
          className={classes.textButton}
          onClick={() => onForm({ ...form, where: form.where ? null : EMPTY })}
        >
          {form.where ? "Take it away" : "Add a filter"}
        </button>
      </div>
    </>
  );
}

function Fields({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className={classes.fields}>
      <legend>{title}</legend>
      <div>{children}</div>
    </fieldset>
  );
}

/** A span of time: usual ones to choose, any other to type. */
function Span(props: {
  label: string;
  value: string;
  none?: string;
  choices?: readonly string[];
  error?: string | undefined;
  onChange: (value: string) => void;
}) {
  const { label, value, none, choices = SPANS, error, onChange } = props;
  const isWrong = value !== "" && !isSpan(value);
  return (
    <Autocomplete
      size="xs"
      label={label}
      placeholder={none ?? "30m"}
      data={[...choices]}
      value={value}
      error={error ?? (isWrong ? "Such as 30s, 15m, 2h, 1d" : undefined)}
      filter={({ options }) => options}
      onChange={(next) => onChange(next.trim())}
    />
  );
}

function Wrong({ message }: { message: string | undefined }) {
  return message ? (
    <p role="alert" className={classes.error}>
      {message}
    </p>
  ) : null;
}

function inThirtyDays(): string {
  return new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
}
