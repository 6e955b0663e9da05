/** The rule as a sentence with blanks: for people who never wrote one. */
import { Button, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { stockQuery, watchlistsQuery } from "@/shared/api/queries";
import type { RuleForm, Scope } from "@/shared/api/ruleTypes";
import { onStep } from "@/shared/chart/candles";
import { isKnown, parseNumber } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useJoin, useQuote } from "@/shared/live/hooks";
import { InstrumentPicker } from "@/shared/ui/InstrumentPicker";
import { ChannelMenu } from "./ChannelMenu";
import { instrumentOf, scopeKey, scopeOf, scopeWords } from "./forms";
import classes from "./rules.module.css";
import {
  type Blank,
  type Filling,
  OFTEN,
  PATTERNS,
  type Pattern,
  patternName,
  patternOf,
  readSentence,
  startValues,
  TEMPLATES,
  type Template,
  type Values,
  writeSentence,
} from "./sentences";
import { useUniverses } from "./useRegistry";

interface Props {
  form: RuleForm;
  sentence: string;
  onForm: (form: RuleForm) => void;
  onShowForm: () => void;
}

export function SentenceView({ form, sentence, onForm, onShowForm }: Props) {
  const filling = fillingOf(form);
  if (!filling)
    return (
      <div className={classes.words}>
        <p>This alert says more than a sentence with blanks can hold. In plain words:</p>
        <p className={classes.sentence}>{sentence}</p>
        <Button variant="default" onClick={onShowForm}>
          Change it in the form
        </Button>
      </div>
    );
  const change = (next: Partial<Filling>) => onForm(writeSentence(form, { ...filling, ...next }));
  const put = (name: string, value: string) => change({ values: { ...filling.values, [name]: value } });
  return <Sentence filling={filling} form={form} onChange={change} onPut={put} onForm={onForm} />;
}

/** A new form's sentence can be read before its blanks are full. */
export function fillingOf(form: RuleForm): Filling | null {
  const on = form.on.length > 0 ? form.on : [{ kind: "symbol", name: "", venue: "" } as const];
  const read = readSentence({ ...form, on });
  if (read) return { ...read, scope: form.on[0] ?? null };
  if (form.when.op !== "crosses" || form.when.left !== "close" || form.when.right !== "") return null;
  const price = patternOf("price");
  const often = readSentence({ ...form, on, when: { ...form.when, right: "1" } })?.often;
  return price && often && form.on.length < 2
    ? { pattern: price, values: { way: form.when.direction, level: "" }, scope: form.on[0] ?? null, often }
    : null;
}

function Sentence(props: {
  filling: Filling;
  form: RuleForm;
  onChange: (next: Partial<Filling>) => void;
  onPut: (name: string, value: string) => void;
  onForm: (form: RuleForm) => void;
}) {
  const { filling, form, onChange, onPut } = props;
  const { pattern, values, scope, often } = filling;
  const universes = useUniverses();
  const watchlists = useQuery(watchlistsQuery).data ?? [];
  const instrument = instrumentOf(scope ?? undefined);
  const lists: { group: string; items: { value: string; label: string; scope: Scope }[] } = {
    group: "Many at once",
    items: [
      ...watchlists.map((list) => option({ kind: "watchlist", name: list.name, venue: "" })),
      ...universes.map((name) => option({ kind: "universe", name, venue: "" })),
      option({ kind: "all", name: "", venue: "" }),
    ],
  };
  const chooseScope = (value: string) => {
    const list = lists.items.find((item) => item.value === value);
    const next = list ? list.scope : scopeOf(value);
    const isOther = scopeKey(next) !== (scope ? scopeKey(scope) : "");
    // A level belongs to the company it was chosen for.
    const level: Values = isOther && pattern.id === "price" ? { level: "" } : {};
    onChange({ scope: next, values: { ...values, ...level } });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a sentence is no fieldset
    <div className={classes.blanks} role="group" aria-label="The alert as a sentence">
      <span>When</span>
      <InstrumentPicker
        label="Which company or list"
        size="md"
        style={{ width: 210 }}
        placeholder="a company…"
        autoFocus={scope === null}
        chosen={scope && { value: instrument ?? scopeKey(scope), label: scopeWords(scope) }}
        more={[lists]}
        onChoose={(item) => chooseScope(item.value)}
      />
      <span className={classes.comma}>:</span>
      <Choose
        label="What to watch"
        choices={PATTERNS.map((one) => ({ value: one.id, label: patternName(one) }))}
        shown={pattern.what}
        value={pattern.id}
        onChange={(id) => {
          const next = patternOf(id);
          if (next)
            onChange({
              pattern: next,
              often: next.often,
              values: { ...startValues(next), ...same(next, values) },
            });
        }}
      />
      {pattern.pieces.map((piece, at) =>
        typeof piece === "string" ? (
          <span key={at}>{piece}</span>
        ) : (
          <BlankField
            key={`${pattern.id} ${piece.name}`}
            blank={piece}
            value={values[piece.name] ?? ""}
            instrument={instrument}
            direction={values.way}
            onPut={(value) => onPut(piece.name, value)}
          />
        ),
      )}
      <span className={classes.comma}>, tell me</span>
      <ChannelMenu notify={form.notify} onChange={(notify) => props.onForm({ ...form, notify })} />
      <Choose
        label="How often"
        choices={OFTEN}
        value={often}
        onChange={(value) => onChange({ often: value })}
      />
      {instrument && pattern.id === "price" && <Far instrument={instrument} values={values} />}
    </div>
  );
}

const option = (scope: Scope) => ({ value: scopeKey(scope), label: scopeWords(scope), scope });

/** Values that mean the same in another pattern: a direction stays a direction. */
function same(pattern: Pattern, values: Values): Values {
  const way = pattern.pieces.find(
    (piece): piece is Blank => typeof piece !== "string" && piece.name === "way",
  );
  return way && values.way && way.choices?.some((one) => one.value === values.way) ? { way: values.way } : {};
}

/** A choice in the running text, as wide as what is chosen. */
function Choose(props: {
  label: string;
  choices: readonly { value: string; label: string }[];
  value: string;
  /** Shown instead of the chosen one's label. */
  shown?: string;
  onChange: (value: string) => void;
}) {
  const shown = props.shown ?? props.choices.find((one) => one.value === props.value)?.label ?? props.value;
  const data = props.choices.map((one) => ({ value: one.value, label: one.label }));
  return (
    <Select
      aria-label={props.label}
      size="md"
      className={classes.choose}
      style={{ width: `calc(${shown.length * 0.93}ch + 58px)` }}
      data={data}
      value={props.value}
      {...(props.shown && { searchValue: props.shown, renderOption: ({ option: one }) => one.label })}
      comboboxProps={{ width: "max-content", position: "bottom-start" }}
      onChange={(value) => value && props.onChange(value)}
    />
  );
}

function BlankField(props: {
  blank: Blank;
  value: string;
  instrument: string | undefined;
  direction: string | undefined;
  onPut: (value: string) => void;
}): ReactNode {
  const { blank, value, onPut } = props;
  if (blank.kind === "choice")
    return <Choose label={blank.label} choices={blank.choices ?? []} value={value} onChange={onPut} />;
  if (blank.kind === "level") return <LevelField {...props} key={props.instrument ?? "none"} />;
  return (
    <span className={classes.unit}>
      <NumberField label={blank.label} value={value} width={74} onPut={onPut} />
      {blank.unit}
    </span>
  );
}

/** A number as people type it; what is no number is said and not taken. */
function NumberField(props: {
  label: string;
  value: string;
  width: number;
  exact?: (value: number) => string;
  onPut: (value: string) => void;
}) {
  const { label, value, width, exact = String, onPut } = props;
  const [text, setText] = useState(value);
  const [before, setBefore] = useState(value);
  if (value !== before) {
    // Filled in from elsewhere: a template, another view.
    setBefore(value);
    if (parseNumber(text) === null || Number(value) !== parseNumber(text)) setText(value);
  }
  const parsed = parseNumber(text);
  const isWrong = text.trim() !== "" && (parsed === null || parsed <= 0);
  return (
    <TextInput
      aria-label={label}
      size="md"
      inputMode="decimal"
      className={classes.number}
      style={{ width }}
      value={text}
      error={isWrong ? "A number above 0" : undefined}
      onFocus={(event) => event.currentTarget.select()}
      onChange={(event) => {
        const typed = event.currentTarget.value;
        setText(typed);
        const next = parseNumber(typed);
        const good = next !== null && next > 0 ? exact(next) : "";
        setBefore(good);
        onPut(good);
      }}
    />
  );
}

/** The level of a price, on the price's own step; one percent away to begin with. */
function LevelField(props: {
  blank: Blank;
  value: string;
  instrument: string | undefined;
  direction: string | undefined;
  onPut: (value: string) => void;
}) {
  const { instrument, value, direction, onPut } = props;
  const stock = useQuery({ ...stockQuery(instrument ?? ""), enabled: instrument !== undefined }).data;
  const close = stock?.close;
  const [wasFilled, setFilled] = useState(value !== "");
  useEffect(() => {
    if (wasFilled || !isKnown(close) || !stock) return;
    setFilled(true);
    onPut(onStep(Number(close) * (direction === "below" ? 0.99 : 1.01), stock.tick_size));
  }, [wasFilled, close, stock, direction, onPut]);
  return (
    <NumberField
      label={props.blank.label}
      value={value}
      width={128}
      exact={(price) => onStep(price, stock?.tick_size)}
      onPut={onPut}
    />
  );
}

/** How far the level is from the price now, and what a cross means. */
function Far({ instrument, values }: { instrument: string; values: Values }) {
  useJoin(`instrument:${instrument}`);
  const row = useQuote(instrument);
  const stock = useQuery(stockQuery(instrument)).data;
  const formats = useFormats();
  const now = row.close ?? stock?.close;
  const level = Number(values.level);
  if (!isKnown(now) || !(level > 0)) return null;
  const price = Number(now);
  const isBeyond = values.way === "above" ? price > level : price < level;
  return (
    <p className={classes.far}>
      {isBeyond
        ? `The price, ${formats.price(price, stock?.tick_size)}, is already ${values.way} it: it must first come back and cross again.`
        : `The price is ${formats.price(price, stock?.tick_size)} now: ${formats.percent((level / price - 1) * 100)} to go. A touch is not a cross: it must go through.`}
    </p>
  );
}

/** Rules that people begin with; each fills the blanks of the sentence. */
export function Templates({ form, onForm }: { form: RuleForm; onForm: (form: RuleForm) => void }) {
  const filling = fillingOf(form);
  const choose = (template: Template) => {
    const pattern = patternOf(template.pattern);
    if (!pattern) return;
    const level: Values = filling?.pattern.id === "price" ? { level: filling.values.level ?? "" } : {};
    onForm(
      writeSentence(form, {
        pattern,
        values: { ...startValues(pattern), ...(pattern.id === "price" ? level : {}), ...template.values },
        scope: filling?.scope ?? form.on[0] ?? null,
        often: pattern.often,
      }),
    );
  };
  return (
    <ul className={classes.templates}>
      {TEMPLATES.map((template) => (
        <li key={template.id}>
          <button
            type="button"
            aria-pressed={filling?.pattern.id === template.pattern}
            onClick={() => choose(template)}
          >
            <b>{template.name}</b>
            <span>{template.words}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
