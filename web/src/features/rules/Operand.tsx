/** A value of a condition: typed with completion, or taken from the list of fields and indicators. */
import { ActionIcon, Popover, TextInput } from "@mantine/core";
import { List } from "lucide-react";
import { useState } from "react";
import { completer } from "@/shared/api/language";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import { findNames, namesOf } from "./names";
import classes from "./rules.module.css";
import { useRegistry } from "./useRegistry";

interface Props {
  label: string;
  value: string;
  placeholder?: string;
  error?: string | undefined;
  isWide?: boolean;
  /** A list of names to choose from stands beside it. */
  hasNames?: boolean;
  onChange: (value: string) => void;
}

const complete = completer("expression");

export function Operand({ label, value, placeholder, error, isWide, hasNames, onChange }: Props) {
  return (
    <div className={isWide ? classes.wide : classes.operand}>
      <div className={classes.typed}>
        <ExpressionEditor
          label={label}
          kind="expression"
          value={value}
          onChange={onChange}
          complete={complete}
          errors={error ? [{ line: 1, column: 1, message: error }] : []}
          {...(placeholder && { placeholder })}
        />
      </div>
      {hasNames && <Names label={label} onChoose={onChange} />}
    </div>
  );
}

function Names({ label, onChoose }: { label: string; onChoose: (insert: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover opened={isOpen} onChange={setOpen} trapFocus position="bottom-end" width={340} withinPortal>
      <Popover.Target>
        <ActionIcon size={28} aria-label={`${label}: choose from a list`} onClick={() => setOpen(!isOpen)}>
          <List size={15} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        {isOpen && (
          <NameList
            onChoose={(insert) => {
              setOpen(false);
              onChoose(insert);
            }}
          />
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function NameList({ onChoose }: { onChoose: (insert: string) => void }) {
  const names = namesOf(useRegistry());
  const [typed, setTyped] = useState("");
  const found = findNames(names, typed);
  return (
    <div className={classes.names}>
      <TextInput
        size="xs"
        data-autofocus
        aria-label="Find a field or an indicator"
        placeholder="RSI, P/E, volume…"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <ul>
        {found.map((name, at) => (
          <li key={`${name.group} ${name.insert}`}>
            {name.group !== found[at - 1]?.group && <h4>{name.group}</h4>}
            <button type="button" onClick={() => onChoose(name.insert)}>
              <b>{name.label}</b> <code className="mono">{name.insert}</code>
              <span>{name.about}</span>
            </button>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="dim">Nothing is called “{typed.trim()}”.</p>}
    </div>
  );
}
