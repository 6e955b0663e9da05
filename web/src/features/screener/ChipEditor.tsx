/** One condition: what, how and which value, beside how that value is spread; or as a text where it is more. */
import { Button, Select, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { completer } from "@/shared/api/language";
import type { Cond, FieldEntry } from "@/shared/api/ruleTypes";
import { usePrefs } from "@/shared/prefs/prefs";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import { type Blanks, blanksOf, COMPUTED, condOf, isFull, limitsOf, type Verb, verbsOf } from "./condition";
import { Distribution } from "./Distribution";
import { fieldOf, grouped, shortened } from "./query";
import classes from "./Screener.module.css";

interface Props {
  /** Null for a new one. */
  cond: Cond | null;
  text: string;
  fields: readonly FieldEntry[];
  /** Rejects with the server's words where the condition cannot be read. */
  onApply: (cond: Cond) => Promise<void>;
  onClose: () => void;
}

const NEW: Blanks = { what: "", verb: "<", low: "", high: "" };
const complete = completer("expression");

export function ChipEditor({ cond, text, fields, onApply, onClose }: Props) {
  const isIndian = usePrefs((prefs) => prefs.numbers) === "en-IN";
  const [blanks, setBlanks] = useState<Blanks | null>(() => {
    const found = cond ? blanksOf(cond, fields) : NEW;
    return found && { ...found, low: shortened(found.low, isIndian), high: shortened(found.high, isIndian) };
  });
  const [written, setWritten] = useState(text);
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const field = blanks ? fieldOf(blanks.what, fields) : null;
  const type = field?.type ?? "number";
  const isReady = blanks ? isFull(blanks) : written.trim() !== "";

  const send = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!isReady || isBusy) return;
    setBusy(true);
    setFault("");
    try {
      await onApply(blanks ? condOf(blanks, type) : { op: "text", text: written.trim() });
      onClose();
    } catch (error) {
      setFault(error instanceof Error ? error.message : "The server does not answer.");
      setBusy(false);
    }
  };

  return (
    <form
      className={classes.chipForm}
      onSubmit={send}
      aria-label={cond ? "Change the condition" : "New condition"}
    >
      {blanks ? (
        <BlankFields
          blanks={blanks}
          fields={fields}
          field={field}
          isNew={cond === null}
          onBlanks={setBlanks}
        />
      ) : (
        <ExpressionEditor
          label="Condition"
          isLabelShown
          kind="expression"
          minRows={2}
          value={written}
          onChange={setWritten}
          complete={complete}
          onSubmit={() => void send()}
          placeholder="rsi(close, 14) < 30 for 3 bars"
        />
      )}
      {fault && (
        <p role="alert" className={classes.error}>
          {fault}
        </p>
      )}
      <div className={classes.actions}>
        <Button type="submit" size="xs" loading={isBusy} disabled={!isReady}>
          {cond ? "Apply" : "Add"}
        </Button>
        <Button size="xs" variant="subtle" onClick={onClose}>
          Cancel
        </Button>
        {blanks && (
          <Button size="xs" variant="subtle" className={classes.far} onClick={() => setBlanks(null)}>
            Write it
          </Button>
        )}
      </div>
    </form>
  );
}

function BlankFields(props: {
  blanks: Blanks;
  fields: readonly FieldEntry[];
  field: FieldEntry | null;
  isNew: boolean;
  onBlanks: (blanks: Blanks) => void;
}) {
  const { blanks, fields, field, isNew, onBlanks } = props;
  const type = field?.type ?? "number";
  const verbs = verbsOf(type);
  const isTruth = blanks.verb === "true" || blanks.verb === "untrue";
  const unit = type === "percent" ? "%" : undefined;
  const put = (change: Partial<Blanks>) => onBlanks({ ...blanks, ...change });
  const choose = (what: string | null) => {
    if (!what) return;
    const next = verbsOf(fieldOf(what, fields)?.type ?? "number");
    const verb = next.some(({ value }) => value === blanks.verb) ? blanks.verb : (next[0]?.value ?? ">");
    // A value of another field says nothing about this one.
    put({ what, verb, low: "", high: "" });
  };
  return (
    <>
      <Select
        label="What"
        searchable
        placeholder="P/E, ROE, volume…"
        data={choicesOf(fields, blanks.what)}
        value={field?.name ?? (blanks.what || null)}
        onChange={choose}
        maxDropdownHeight={260}
        nothingFoundMessage="No field has this name"
        comboboxProps={{ withinPortal: false }}
        data-autofocus={isNew || undefined}
      />
      {field?.description && <p className={classes.hint}>{field.description}</p>}
      {blanks.what && (
        <div className={classes.blanks}>
          <Select
            label="How"
            data={verbs}
            value={blanks.verb}
            onChange={(verb) => put({ verb: verb as Verb })}
            comboboxProps={{ withinPortal: false }}
          />
          {!isTruth &&
            (type === "enum" ? (
              <Select
                label="Value"
                data={(field as { members?: string[] } | null)?.members ?? []}
                value={blanks.low || null}
                onChange={(low) => put({ low: low ?? "" })}
                comboboxProps={{ withinPortal: false }}
              />
            ) : (
              <TextInput
                label={blanks.verb === "between" ? "From" : "Value"}
                value={blanks.low}
                onChange={(event) => put({ low: event.currentTarget.value })}
                rightSection={unit}
                data-autofocus={!isNew || undefined}
              />
            ))}
          {blanks.verb === "between" && (
            <TextInput
              label="To"
              value={blanks.high}
              onChange={(event) => put({ high: event.currentTarget.value })}
              rightSection={unit}
            />
          )}
        </div>
      )}
      {!isTruth && type !== "enum" && blanks.what && (
        <p className={classes.hint}>A number (15, 2.5%, 500 cr) or an expression such as sma(close, 200).</p>
      )}
      {field && !isTruth && type !== "enum" && <Spread blanks={blanks} field={field} onPut={put} />}
    </>
  );
}

function Spread(props: { blanks: Blanks; field: FieldEntry; onPut: (change: Partial<Blanks>) => void }) {
  const { blanks, field, onPut } = props;
  const [low, high] = limitsOf(blanks);
  return (
    <Distribution
      field={field.name}
      label={field.label}
      type={field.type}
      low={low}
      high={high}
      onPick={(value) => onPut(blanks.verb === "between" && blanks.low ? { high: value } : { low: value })}
    />
  );
}

/** Fields by their groups, what is often computed, and what the query itself has. */
function choicesOf(fields: readonly FieldEntry[], what: string) {
  const usable = fields.filter((field) => field.type !== "time");
  const groups = grouped(usable).map(({ group, items }) => ({
    group,
    items: items.map((field) => ({ value: field.name, label: field.label })),
  }));
  const isListed = what === "" || fieldOf(what, fields) || COMPUTED.some(({ value }) => value === what);
  return [
    ...(isListed ? [] : [{ group: "In this query", items: [{ value: what, label: what }] }]),
    ...unique(groups),
    { group: "Computed", items: [...COMPUTED] },
  ];
}

/** Two fields of one label ("Volume") are told apart by their names. */
function unique(groups: { group: string; items: { value: string; label: string }[] }[]) {
  const counts = new Map<string, number>();
  for (const { items } of groups)
    for (const { label } of items) counts.set(label, (counts.get(label) ?? 0) + 1);
  return groups.map(({ group, items }) => ({
    group,
    items: items.map(({ value, label }) => ({
      value,
      label: (counts.get(label) ?? 0) > 1 ? `${label} (${value})` : label,
    })),
  }));
}
