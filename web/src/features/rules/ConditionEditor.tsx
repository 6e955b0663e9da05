/** Conditions in groups of "all of" and "any of": each a row of values and what is between them. */
import { ActionIcon, Button, Menu, SegmentedControl, Select } from "@mantine/core";
import { ArrowDown, ArrowUp, Ban, Boxes, EllipsisVertical, FolderPlus, Plus, Trash2 } from "lucide-react";
import type { Cond } from "@/shared/api/ruleTypes";
import {
  add,
  at,
  drop,
  EMPTY,
  move,
  nameOf,
  type Path,
  put,
  turn,
  VERBS,
  type Verb,
  verbOf,
  withVerb,
  wrap,
} from "./conditions";
import { Operand } from "./Operand";
import classes from "./rules.module.css";
import type { FormError } from "./useRule";

interface Props {
  /** Its name in the form: "when" or "where". */
  name: string;
  root: Cond;
  errors: readonly FormError[];
  onChange: (root: Cond) => void;
}

interface PartProps extends Props {
  path: Path;
}

export function ConditionEditor(props: Props) {
  const { root, onChange } = props;
  return (
    <div className={classes.conditions}>
      <Part {...props} path={[]} />
      {!("parts" in root) && (
        <div className={classes.adds}>
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<Plus size={14} aria-hidden />}
            onClick={() => onChange(add(root, [], EMPTY))}
          >
            And another condition
          </Button>
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<Plus size={14} aria-hidden />}
            onClick={() => onChange({ op: "or", parts: [root, EMPTY] })}
          >
            Or another
          </Button>
        </div>
      )}
    </div>
  );
}

function Part(props: PartProps) {
  const cond = at(props.root, props.path);
  if (!cond) return null;
  if (cond.op === "not") return <Denied {...props} />;
  if ("parts" in cond) return <Group {...props} op={cond.op} count={cond.parts.length} />;
  return <Row {...props} cond={cond} isDenied={false} />;
}

/** A denied condition is one row with the word "not"; a denied group is a group with it. */
function Denied(props: PartProps) {
  const inner = at(props.root, [...props.path, "of"]);
  if (!inner) return null;
  const path = [...props.path, "of"] as const;
  if ("parts" in inner)
    return <Group {...props} path={path} op={inner.op} count={inner.parts.length} denied={props.path} />;
  if (inner.op === "not") return <Part {...props} path={path} />;
  return <Row {...props} cond={inner} path={path} isDenied />;
}

function Group(props: PartProps & { op: "and" | "or"; count: number; denied?: Path }) {
  const { root, path, op, count, denied, onChange } = props;
  const group = at(root, path);
  if (!group || !("parts" in group)) return null;
  const isRoot = path.length === 0;
  return (
    // biome-ignore lint/a11y/useSemanticElements: groups nest; nested fieldsets are read out at every step
    <div className={classes.group} role="group" aria-label={op === "and" ? "All of these" : "Any of these"}>
      <div className={classes.groupHead}>
        {denied && <span className={classes.not}>not</span>}
        <SegmentedControl
          size="xs"
          aria-label="How these join"
          data={[
            { value: "and", label: "All of" },
            { value: "or", label: "Any of" },
          ]}
          value={op}
          onChange={(value) => onChange(put(root, path, { ...group, op: value as "and" | "or" }))}
        />
        <span className="dim">{count} conditions</span>
        {(!isRoot || denied) && <PartMenu {...props} path={denied ?? path} isGroup />}
      </div>
      {Array.from({ length: count }, (_, place) => (
        <Part key={place} {...props} path={[...path, place]} />
      ))}
      <div className={classes.adds}>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<Plus size={14} aria-hidden />}
          onClick={() => onChange(add(root, path, EMPTY))}
        >
          Condition
        </Button>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<FolderPlus size={14} aria-hidden />}
          onClick={() =>
            onChange(add(root, path, { op: op === "and" ? "or" : "and", parts: [EMPTY, EMPTY] }))
          }
        >
          Group
        </Button>
      </div>
    </div>
  );
}

function Row({
  root,
  path,
  cond,
  isDenied,
  name,
  errors,
  onChange,
}: PartProps & { cond: Cond; isDenied: boolean }) {
  const verb = verbOf(cond);
  const set = (change: Partial<Record<string, string>>) =>
    onChange(put(root, path, { ...cond, ...change } as Cond));
  const here = nameOf(name, path);
  const errorOf = (part: string) => errors.find((error) => error.path === `${here}.${part}`)?.message;
  const whole = errors.find((error) => error.path === here)?.message;
  const value = (part: string, label: string, text: string) => (
    <Operand
      label={label}
      value={text}
      error={errorOf(part)}
      hasNames={part === "left" || part === "right" || part === "of"}
      onChange={(next) => set({ [part]: next })}
    />
  );
  return (
    <div className={classes.row} data-denied={isDenied}>
      {isDenied && <span className={classes.not}>not</span>}
      {cond.op === "compare" || cond.op === "crosses" ? value("left", "Left side", cond.left) : null}
      {cond.op === "between" || cond.op === "moves" ? value("of", "Value", cond.of) : null}
      <Select
        className={classes.verb}
        size="xs"
        aria-label="What it does"
        data={VERBS.map((one) => ({ value: one.value, label: one.label }))}
        value={verb}
        comboboxProps={{ width: "max-content", position: "bottom-start" }}
        onChange={(next) => next && onChange(put(root, path, withVerb(cond, next as Verb)))}
      />
      {cond.op === "compare" || cond.op === "crosses" ? value("right", "Right side", cond.right) : null}
      {cond.op === "between" && (
        <>
          {value("low", "Low end", cond.low)}
          <span>and</span>
          {value("high", "High end", cond.high)}
        </>
      )}
      {cond.op === "moves" && (
        <>
          {value("by", "By how much", cond.by)}
          <span>within</span>
          {value("within", "Within how long", cond.within)}
        </>
      )}
      {cond.op === "text" && value("text", "Condition in the rule language", cond.text)}
      <PartMenu root={root} path={isDenied ? path.slice(0, -1) : path} onChange={onChange} />
      {whole && (
        <p role="alert" className={classes.error}>
          {whole}
        </p>
      )}
    </div>
  );
}

function PartMenu({
  root,
  path,
  isGroup,
  onChange,
}: {
  root: Cond;
  path: Path;
  isGroup?: boolean;
  onChange: (root: Cond) => void;
}) {
  const place = path[path.length - 1];
  const parent = at(root, path.slice(0, -1));
  const count = parent && "parts" in parent ? parent.parts.length : 0;
  const isDenied = at(root, path)?.op === "not";
  const what = isGroup ? "group" : "condition";
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon size={28} aria-label={`More for this ${what}`}>
          <EllipsisVertical size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Ban size={14} aria-hidden />} onClick={() => onChange(turn(root, path))}>
          {isDenied ? "Take “not” away" : "Put “not” before it"}
        </Menu.Item>
        <Menu.Item
          leftSection={<Boxes size={14} aria-hidden />}
          onClick={() => onChange(wrap(root, path, "or"))}
        >
          Group: this or another
        </Menu.Item>
        <Menu.Item
          leftSection={<Boxes size={14} aria-hidden />}
          onClick={() => onChange(wrap(root, path, "and"))}
        >
          Group: this and another
        </Menu.Item>
        {typeof place === "number" && (
          <>
            <Menu.Item
              leftSection={<ArrowUp size={14} aria-hidden />}
              disabled={place === 0}
              onClick={() => onChange(move(root, path, -1))}
            >
              Move up
            </Menu.Item>
            <Menu.Item
              leftSection={<ArrowDown size={14} aria-hidden />}
              disabled={place >= count - 1}
              onClick={() => onChange(move(root, path, 1))}
            >
              Move down
            </Menu.Item>
          </>
        )}
        <Menu.Item
          leftSection={<Trash2 size={14} aria-hidden />}
          disabled={path.length === 0}
          onClick={() => onChange(drop(root, path))}
        >
          Remove
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
