/** The indicators of a chart: which are on, what they say, how they are set; and the way to add one. */
import { ActionIcon, Button, Menu, NumberInput, Popover, TextInput, Tooltip } from "@mantine/core";
import { Plus, SlidersHorizontal, X } from "lucide-react";
import { type FormEvent, type RefObject, useRef, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import classes from "./StudyBar.module.css";
import { KINDS, MOST_STUDIES, type Study, stripesOf, titleOf, within } from "./studies";
import { hueVariable, type StudyLine } from "./useStudyLines";

interface Props {
  studies: Study[];
  /** The lines of each study, in its order. */
  lines: StudyLine[][];
  values: Map<string, number | null>;
  /** The bar under the crosshair, whose values are shown; the newest one's where it is null. */
  at: string | null;
  /** Why there is nothing to draw, where the server said so. */
  error: string | null;
  onChange: (studies: Study[]) => void;
}

export function StudyBar({ studies, lines, values, at: bar, error, onChange }: Props) {
  const adder = useRef<HTMLButtonElement>(null);
  const isFull = studies.length >= MOST_STUDIES;
  return (
    <div className={classes.bar}>
      <ul className={classes.list} aria-label="Indicators on the chart">
        {studies.map((study, at) => (
          <StudyChip
            key={at}
            study={study}
            lines={lines[at] ?? []}
            values={values}
            onSet={(next) => onChange(studies.map((one, place) => (place === at ? next : one)))}
            onRemove={() => {
              onChange(studies.filter((_, place) => place !== at));
              // What had the focus is gone: the keyboard goes on from here.
              adder.current?.focus();
            }}
          />
        ))}
      </ul>
      <AddStudy
        target={adder}
        onAdd={(study) => onChange([...studies, study])}
        isFirst={studies.length === 0}
        isFull={isFull}
      />
      {studies.length > 0 && (
        <span className={`${classes.at} num`}>{bar ? `Bar of ${bar}` : "Newest bar"}</span>
      )}
      {error && (
        <p className={classes.error} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

function StudyChip({
  study,
  lines,
  values,
  onSet,
  onRemove,
}: {
  study: Study;
  lines: StudyLine[];
  values: Map<string, number | null>;
  onSet: (study: Study) => void;
  onRemove: () => void;
}) {
  const formats = useFormats();
  const title = titleOf(study);
  return (
    <li className={classes.chip}>
      <span className={classes.says}>
        <span className={classes.title}>{title}</span>
        {stripesOf(study).map((stripe, at) => {
          // The line comes later than the study: until then its place is kept.
          const key = lines.find((one) => one.title === stripe.title)?.key;
          const value = key === undefined ? undefined : values.get(key);
          return (
            <Tooltip key={`${at} ${stripe.title}`} label={stripe.title}>
              <span className={`${classes.value} num`}>
                <i className={classes.dot} style={{ background: hueVariable(stripe.color) }} aria-hidden />
                <span className="sr-only">{stripe.title} </span>
                <span className={classes.digits}>
                  {value === null || value === undefined ? "—" : formats.number(value, 2, 2)}
                </span>
              </span>
            </Tooltip>
          );
        })}
      </span>
      <span className={classes.acts}>
        {study.kind && study.kind.settings.length > 0 && <StudySettings study={study} onSet={onSet} />}
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Remove ${title}`} onClick={onRemove}>
          <X size={14} aria-hidden />
        </ActionIcon>
      </span>
    </li>
  );
}

function StudySettings({ study, onSet }: { study: Study; onSet: (study: Study) => void }) {
  const [opened, setOpened] = useState(false);
  const { kind } = study;
  if (!kind) return null;
  return (
    <Popover opened={opened} onChange={setOpened} trapFocus withArrow position="bottom-start">
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={`Settings of ${titleOf(study)}`}
          onClick={() => setOpened((was) => !was)}
        >
          <SlidersHorizontal size={14} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <p className={classes.words}>{kind.words}</p>
        <div className={classes.settings}>
          {kind.settings.map((setting, at) => (
            <NumberInput
              key={setting.name}
              size="xs"
              label={setting.name}
              min={setting.least}
              max={setting.most}
              step={setting.step}
              value={study.values[at] ?? setting.value}
              onChange={(value) => {
                if (value === "") return;
                const values = kind.settings.map((one, place) =>
                  place === at ? within(one, Number(value)) : (study.values[place] ?? one.value),
                );
                onSet({ kind, values });
              }}
            />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function AddStudy({
  target,
  onAdd,
  isFirst,
  isFull,
}: {
  target: RefObject<HTMLButtonElement | null>;
  onAdd: (study: Study) => void;
  isFirst: boolean;
  isFull: boolean;
}) {
  const shows = { intermediate: useShows("intermediate"), advanced: useShows("advanced") };
  const [isWriting, setWriting] = useState(false);
  const known = KINDS.filter(
    (kind) => kind.least === "beginner" || shows[kind.least as "intermediate" | "advanced"],
  );
  const groups = [
    { title: "On the price", kinds: known.filter((kind) => kind.place === "price") },
    { title: "Below the price", kinds: known.filter((kind) => kind.place === "pane") },
  ];
  return (
    <>
      <Menu shadow="md" width={300} position="bottom-start" disabled={isFull}>
        <Menu.Target>
          <Button
            ref={target}
            aria-disabled={isFull}
            title={isFull ? `A chart carries ${MOST_STUDIES} indicators at most` : undefined}
            variant="subtle"
            color="gray"
            size="compact-xs"
            leftSection={<Plus size={14} aria-hidden />}
          >
            {isFull ? `${MOST_STUDIES} of ${MOST_STUDIES}` : isFirst ? "Indicator" : "Another"}
          </Button>
        </Menu.Target>
        <Menu.Dropdown className={classes.menu}>
          {groups.map((group) => (
            <div key={group.title}>
              <Menu.Label>{group.title}</Menu.Label>
              {group.kinds.map((kind) => (
                <Menu.Item
                  key={kind.id}
                  onClick={() => onAdd({ kind, values: kind.settings.map((setting) => setting.value) })}
                >
                  {kind.label}
                  <span className={classes.hint}>{kind.words}</span>
                </Menu.Item>
              ))}
            </div>
          ))}
          {shows.advanced && (
            <>
              <Menu.Divider />
              <Menu.Item onClick={() => setWriting(true)}>
                Expression…
                <span className={classes.hint}>
                  Anything the rule language can say, such as zscore(close, 20).
                </span>
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {isWriting && (
        <Expression
          onDone={(expression) => {
            setWriting(false);
            target.current?.focus();
            if (expression) onAdd({ kind: null, expression });
          }}
        />
      )}
    </>
  );
}

function Expression({ onDone }: { onDone: (expression: string | null) => void }) {
  const [text, setText] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    onDone(text.trim().replaceAll(";", " ") || null);
  };
  return (
    <form className={classes.expression} onSubmit={send}>
      <TextInput
        size="xs"
        data-autofocus
        autoFocus
        aria-label="Expression in the rule language"
        placeholder="ema(close, 9) - ema(close, 21)"
        maxLength={200}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && onDone(null)}
      />
      <Button type="submit" size="compact-xs" variant="default">
        Draw
      </Button>
    </form>
  );
}
