/** The query twice: as chips with a count each, and as the text that they are. A change of one changes the other. */
import { ActionIcon, Button, Popover, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Plus, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { completer } from "@/shared/api/language";
import { watchlistsQuery } from "@/shared/api/queries";
import { registryQuery } from "@/shared/api/rules";
import type { Cond, RuleForm, Scope } from "@/shared/api/ruleTypes";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import { Panel } from "@/shared/ui/Panel";
import { ChipEditor } from "./ChipEditor";
import { chipsOf, chipWords, isScreen, joined, partsOf, scopeKey, scopeWords } from "./query";
import classes from "./Screener.module.css";
import type { Chip } from "./types";
import type { OneScreen } from "./useScreen";

export function QueryPanel({ one }: { one: OneScreen }) {
  const advanced = useShows("advanced");
  const view = one.search.view ?? (advanced ? "text" : "chips");
  const [fault, setFault] = useState("");
  const { form, edit } = one;
  // A change that the server refuses is told once, and the next one clears it.
  const change = (next: RuleForm) => {
    setFault("");
    edit(next).catch((error: Error) => setFault(error.message));
  };
  return (
    <Panel
      title="Query"
      tools={
        <SegmentedControl
          size="xs"
          aria-label="How the query is shown"
          data={[
            { value: "chips", label: "Chips" },
            { value: "text", label: "Text" },
          ]}
          value={view}
          onChange={(next) => one.go({ view: next as "chips" | "text" })}
        />
      }
    >
      <div className={classes.query}>
        {view === "text" && <TextOf one={one} />}
        {form && (
          // While the text cannot be read the chips are those of the text before it: to change them would undo it.
          <fieldset className={classes.chipRow} disabled={one.errors.length > 0} aria-label="Query as chips">
            <ScopeSelect form={form} onForm={change} />
            {form.where && <Where where={form.where} one={one} />}
            <Chips one={one} form={form} onForm={change} />
          </fieldset>
        )}
        {fault && (
          <p role="alert" className={classes.error}>
            {fault}
          </p>
        )}
        {advanced && <AsOf one={one} />}
      </div>
    </Panel>
  );
}

const TYPING_MS = 500;
const inScreen = completer("rule");
const inExpression = completer("expression");

/** A screen with its clauses, or a condition alone. */
const complete = (text: string, position: number) =>
  (isScreen(text) ? inScreen : inExpression)(text, position);

/** What is being written goes to the server after a pause; Ctrl+Enter does not wait. */
function TextOf({ one }: { one: OneScreen }) {
  const [draft, setDraft] = useState(one.text);
  const sent = useRef(one.text);
  useEffect(() => {
    // A text that comes from the chips or another screen replaces the draft; our own, coming back, does not.
    if (one.text !== sent.current) setDraft(one.text);
    sent.current = one.text;
  }, [one.text]);
  const send = (text: string) => {
    if (text.trim() === "" || text === sent.current) return;
    sent.current = text;
    one.setText(text);
  };
  const later = useRef(send);
  useEffect(() => {
    later.current = send;
  });
  useEffect(() => {
    const timer = setTimeout(() => later.current(draft), TYPING_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  return (
    <ExpressionEditor
      label="Query as text"
      kind="screen"
      value={draft}
      onChange={setDraft}
      errors={draft === one.text ? one.errors : []}
      complete={complete}
      onSubmit={() => send(draft)}
      placeholder="pe < 15 and roe > 15%"
    />
  );
}

function ScopeSelect({ form, onForm }: { form: RuleForm; onForm: (form: RuleForm) => void }) {
  const universes = useQuery(registryQuery).data?.universes ?? [];
  const lists = useQuery(watchlistsQuery).data ?? [];
  const all: Scope[] = [
    { kind: "all", name: "", venue: "" },
    ...universes.map((name): Scope => ({ kind: "universe", name, venue: "" })),
    ...lists.map((list): Scope => ({ kind: "watchlist", name: list.name, venue: "" })),
  ];
  const chosen = form.on[0] ?? (all[0] as Scope);
  const offered = all.some((scope) => scopeKey(scope) === scopeKey(chosen)) ? all : [chosen, ...all];
  // Several places at once are written in the text.
  if (form.on.length > 1) return <span className={classes.scope}>{form.on.map(scopeWords).join(", ")}</span>;
  return (
    <Select
      aria-label="Among"
      size="xs"
      className={classes.scope}
      searchable={offered.length > 12}
      data={offered.map((scope) => ({ value: scopeKey(scope), label: scopeWords(scope) }))}
      value={scopeKey(chosen)}
      onChange={(key) => {
        const scope = offered.find((one) => scopeKey(one) === key);
        if (scope) onForm({ ...form, on: [scope] });
      }}
    />
  );
}

/** What is looked at at all; it is written in the text. */
function Where({ where, one }: { where: Cond; one: OneScreen }) {
  const formats = useFormats();
  const parts = partsOf(where).map((part) =>
    chipWords(part, part.op === "text" ? part.text : "…", one.labels, formats.compact),
  );
  return <span className={classes.hint}>with {parts.join(" and ")}, those where</span>;
}

function Chips({ one, form, onForm }: { one: OneScreen; form: RuleForm; onForm: (form: RuleForm) => void }) {
  const parts = partsOf(form.when);
  const chips = chipsOf(form, one.chips);
  const put = (index: number, cond: Cond) =>
    one.edit({ ...form, when: joined(parts.map((part, place) => (place === index ? cond : part))) });
  return (
    <ul className={classes.chips} aria-label="Conditions">
      {chips.map((chip, index) => (
        <li key={`${index} ${chip.text}`}>
          <OneChip
            chip={chip}
            one={one}
            onApply={(cond) => put(index, cond)}
            onDrop={() => onForm({ ...form, when: joined(parts.filter((_, place) => place !== index)) })}
          />
        </li>
      ))}
      <li>
        <AddChip one={one} onApply={(cond) => one.edit({ ...form, when: joined([...parts, cond]) })} />
      </li>
    </ul>
  );
}

function OneChip(props: {
  chip: Chip;
  one: OneScreen;
  onApply: (cond: Cond) => Promise<void>;
  onDrop: () => void;
}) {
  const { chip, one, onApply, onDrop } = props;
  const [isOpen, setOpen] = useState(false);
  const formats = useFormats();
  const words = chipWords(chip.form, chip.text, one.labels, formats.compact);
  return (
    <span className={classes.chip}>
      <Popover
        opened={isOpen}
        onChange={setOpen}
        position="bottom-start"
        width={360}
        trapFocus
        returnFocus
        withinPortal
      >
        <Popover.Target>
          <button
            type="button"
            className={classes.chipButton}
            onClick={() => setOpen(!isOpen)}
            title={chip.text}
          >
            <span>{words}</span>
            {chip.count !== null && (
              <span className={`${classes.chipCount} num`}>
                {formats.count(chip.count)}
                <span className="sr-only"> meet this alone</span>
              </span>
            )}
          </button>
        </Popover.Target>
        <Popover.Dropdown aria-label={`Condition ${words}`}>
          {isOpen && (
            <ChipEditor
              cond={chip.form}
              text={chip.text}
              fields={one.fields}
              onApply={onApply}
              onClose={() => setOpen(false)}
            />
          )}
        </Popover.Dropdown>
      </Popover>
      <ActionIcon size={24} aria-label={`Remove ${words}`} onClick={onDrop} className={classes.chipDrop}>
        <X size={14} aria-hidden />
      </ActionIcon>
    </span>
  );
}

function AddChip({ one, onApply }: { one: OneScreen; onApply: (cond: Cond) => Promise<void> }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      position="bottom-start"
      width={360}
      trapFocus
      returnFocus
      withinPortal
    >
      <Popover.Target>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
        >
          Condition
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="New condition">
        {isOpen && (
          <ChipEditor
            cond={null}
            text=""
            fields={one.fields}
            onApply={onApply}
            onClose={() => setOpen(false)}
          />
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

const EARLIEST = "1990-01-01";

/** A past day: the values as they were known at its end. */
function AsOf({ one }: { one: OneScreen }) {
  const asked = one.search.as_of ?? "";
  const [typed, setTyped] = useState(asked);
  useEffect(() => setTyped(asked), [asked]);
  return (
    <div className={classes.asOf}>
      <TextInput
        type="date"
        size="xs"
        label="As of"
        min={EARLIEST}
        value={typed}
        onChange={(event) => {
          const day = event.currentTarget.value;
          setTyped(day);
          // While a year is typed it is a year of antiquity.
          if (day === "" || day >= EARLIEST) one.go({ as_of: day || undefined });
        }}
      />
      {asked ? (
        <Button size="xs" variant="subtle" onClick={() => one.go({ as_of: undefined })}>
          Back to now
        </Button>
      ) : (
        <span className={classes.hint}>Now. A past day shows what was known at its end.</span>
      )}
    </div>
  );
}
