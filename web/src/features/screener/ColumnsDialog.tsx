/** Which columns the table has and in which order; in the advanced mode also one's own expressions, tried first. */
import { ActionIcon, Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, X } from "lucide-react";
import { useState } from "react";
import { completer } from "@/shared/api/language";
import { textErrors } from "@/shared/api/textErrors";
import { useShows } from "@/shared/prefs/prefs";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import { runScreen } from "./api";
import { ValueCell } from "./cells";
import { columnsText, FIXED, grouped } from "./query";
import classes from "./Screener.module.css";
import type { OneScreen } from "./useScreen";

const MOST = 20;

export function ColumnsDialog({
  one,
  isOpen,
  onClose,
}: {
  one: OneScreen;
  isOpen: boolean;
  onClose: () => void;
}) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Columns" size="lg">
      {isOpen && <Chooser one={one} onClose={onClose} />}
    </Modal>
  );
}

function Chooser({ one, onClose }: { one: OneScreen; onClose: () => void }) {
  const advanced = useShows("advanced");
  const [chosen, setChosen] = useState(
    () => one.result?.columns.map((column) => column.expression).filter((name) => !FIXED.has(name)) ?? [],
  );
  const [needle, setNeedle] = useState("");
  const words = needle.trim().toLowerCase();
  const found = one.fields.filter(
    (field) =>
      !FIXED.has(field.name) &&
      (!words || `${field.label} ${field.name} ${field.description}`.toLowerCase().includes(words)),
  );
  const nameOf = (expression: string) =>
    one.result?.columns.find((column) => column.expression === expression)?.label ??
    one.labels.get(expression) ??
    expression;
  const turn = (name: string) =>
    setChosen((old) =>
      old.includes(name) ? old.filter((one) => one !== name) : [...old, name].slice(0, MOST),
    );
  const move = (index: number, by: number) =>
    setChosen((old) => {
      const next = old.filter((_, place) => place !== index);
      next.splice(index + by, 0, old[index] ?? "");
      return next;
    });
  const save = () => {
    one.go({ columns: columnsText(chosen) });
    onClose();
  };
  return (
    <div className={classes.chooser}>
      <p className={classes.hint}>
        Company, price and change are always there. {chosen.length} of {MOST} more are chosen.
      </p>
      {chosen.length > 0 && (
        <ol className={classes.order} aria-label="Chosen columns">
          {chosen.map((name, index) => (
            <li key={name}>
              <span>{nameOf(name)}</span>
              <span className={classes.moves}>
                <ActionIcon
                  size={28}
                  aria-label={`Move ${nameOf(name)} up`}
                  disabled={index === 0}
                  onClick={() => move(index, -1)}
                >
                  <ArrowUp size={15} aria-hidden />
                </ActionIcon>
                <ActionIcon
                  size={28}
                  aria-label={`Move ${nameOf(name)} down`}
                  disabled={index === chosen.length - 1}
                  onClick={() => move(index, 1)}
                >
                  <ArrowDown size={15} aria-hidden />
                </ActionIcon>
                <ActionIcon size={28} aria-label={`Remove ${nameOf(name)}`} onClick={() => turn(name)}>
                  <X size={15} aria-hidden />
                </ActionIcon>
              </span>
            </li>
          ))}
        </ol>
      )}
      {advanced && <OwnColumn one={one} onAdd={(text) => !chosen.includes(text) && turn(text)} />}
      <TextInput
        label="Find a field"
        value={needle}
        onChange={(event) => setNeedle(event.currentTarget.value)}
        placeholder="debt, growth, holding…"
      />
      <div className={classes.fields}>
        {grouped(found).map(({ group, items }) => (
          <fieldset key={group}>
            <legend>{group}</legend>
            {items.map((field) => (
              <Checkbox
                key={field.name}
                label={field.label}
                description={field.description}
                checked={chosen.includes(field.name)}
                onChange={() => turn(field.name)}
              />
            ))}
          </fieldset>
        ))}
        {found.length === 0 && <p className="dim">No field is called “{needle.trim()}”.</p>}
      </div>
      <div className={classes.actions}>
        <Button onClick={save}>Show these columns</Button>
        <Button
          variant="subtle"
          onClick={() => {
            one.go({ columns: undefined });
            onClose();
          }}
        >
          As the screen has them
        </Button>
      </div>
    </div>
  );
}

const complete = completer("expression");
const TRIED = 5;

/** An expression of one's own, with its value for the first companies of the screen. */
function OwnColumn({ one, onAdd }: { one: OneScreen; onAdd: (expression: string) => void }) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const tried = useQuery({
    queryKey: ["screens", "tried", one.body, asked],
    queryFn: ({ signal }) => runScreen({ ...one.body, columns: [asked], limit: TRIED }, signal),
    enabled: asked !== "",
    retry: false,
  });
  const said = textErrors(tried.error, "columns");
  const column = tried.data?.columns[0];
  return (
    <div className={classes.own}>
      <ExpressionEditor
        label="Your own expression"
        isLabelShown
        kind="expression"
        value={text}
        onChange={setText}
        errors={text.trim() === asked ? said : []}
        complete={complete}
        onSubmit={() => setAsked(text.trim())}
        placeholder="fund.market_cap / fund.sales"
      />
      <div className={classes.actions}>
        <Button size="xs" variant="default" loading={tried.isFetching} onClick={() => setAsked(text.trim())}>
          Try on five companies
        </Button>
        <Button
          size="xs"
          disabled={!column || text.trim() !== asked}
          onClick={() => {
            onAdd(column?.expression ?? asked);
            setText("");
            setAsked("");
          }}
        >
          Add as a column
        </Button>
      </div>
      {tried.error && said.length === 0 && (
        <p role="alert" className={classes.error}>
          {tried.error.message}
        </p>
      )}
      {column && tried.data && (
        <dl className={classes.tried}>
          {tried.data.items.map((row) => (
            <div key={row.instrument}>
              <dt>{row.symbol}</dt>
              <dd>
                <ValueCell value={row.values[0]} column={column} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
