/**
 * A text of the rule language: grows with what is typed, marks errors at their place, completes names.
 *
 * A plain text field lies over a copy of its text that carries the marks; there is no editor behind it. Errors are
 * given below as well, in words, and lead to their place. Suggestions: arrows choose, Tab or Enter takes one, Escape
 * closes, Ctrl+Space asks for them. Ctrl+Enter submits; in a field of one line Enter does too.
 */
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import classes from "./ExpressionEditor.module.css";
import {
  accept,
  asksAt,
  type Completion,
  type CompletionItem,
  charactersOf,
  offsetOf,
  segmentsOf,
  type TextMark,
  unitsOf,
} from "./expressionText";

export type { Completion, CompletionItem, TextMark } from "./expressionText";

export interface ExpressionEditorProps {
  label: string;
  isLabelShown?: boolean;
  value: string;
  onChange: (value: string) => void;
  kind: "rule" | "expression" | "screen";
  errors?: readonly TextMark[];
  /** What can stand at a position, counted in characters. Without it there are no suggestions. */
  complete?: (text: string, position: number) => Promise<Completion>;
  minRows?: number;
  placeholder?: string;
  autoFocus?: boolean;
  onSubmit?: () => void;
}

const TYPING_MS = 120;
/** Height of a line: 0.8125rem × 1.6, in em of the field. */
const LINE_EM = 1.6;

interface Offer extends Completion {
  /** The one that Tab or Enter takes; -1 while none is chosen. */
  active: number;
}

export function ExpressionEditor(props: ExpressionEditorProps) {
  const { label, value, onChange, errors = [], minRows = props.kind === "expression" ? 1 : 3 } = props;
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<number | null>(null);
  const { offer, ask, close, choose } = useOffer(props.complete);
  const isLine = minRows === 1;

  // React moves the caret to the end when a text is put in from outside: it goes where the change ended.
  useLayoutEffect(() => {
    if (caret.current === null) return;
    field.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });

  const take = (item: CompletionItem) => {
    const node = field.current;
    if (!node || !offer) return;
    const [text, end] = accept(value, offer, item);
    close();
    node.focus();
    node.setSelectionRange(unitsOf(value, offer.from), unitsOf(value, offer.to));
    // The browser's own insertion keeps its undo; where it has none, the text is set.
    if (
      typeof document.execCommand !== "function" ||
      !document.execCommand("insertText", false, item.insert)
    ) {
      caret.current = end;
      onChange(text);
    }
    if (item.insert.endsWith("(")) ask(text, end);
  };

  const onKey = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const node = event.currentTarget;
    if (event.nativeEvent.isComposing) return;
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      ask(value, node.selectionStart, 0);
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      close();
      props.onSubmit?.();
      return;
    }
    if (offer && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const count = offer.items.length;
      const from = event.key === "ArrowUp" && offer.active < 0 ? count : offer.active;
      choose((from + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
      return;
    }
    const item = offer?.items[offer.active];
    if (item && (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey))) {
      event.preventDefault();
      take(item);
    } else if (offer && event.key === "Escape") {
      // Only the list goes: a dialog around the field stays.
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && isLine) {
      event.preventDefault();
      close();
      props.onSubmit?.();
    }
  };

  const goTo = (mark: TextMark) => {
    const at = offsetOf(value, mark.line, mark.column);
    field.current?.focus();
    field.current?.setSelectionRange(at, at);
  };

  const active = offer && offer.active >= 0 ? `${id}-${offer.active}` : undefined;
  const hint = props.complete ? `${id}-hint` : "";
  const said = errors.length > 0 ? `${id}-errors` : "";
  return (
    <div className={classes.editor}>
      <label htmlFor={id} className={props.isLabelShown ? classes.label : "sr-only"}>
        {label}
      </label>
      <div className={classes.field} data-wrong={errors.length > 0 || undefined}>
        <div
          className={classes.marks}
          style={{ minHeight: `calc(${minRows * LINE_EM}em + 16px)` }}
          aria-hidden
        >
          {segmentsOf(value, errors).map((segment, index) =>
            segment.error ? (
              <mark key={index} data-at={`${segment.error.line}:${segment.error.column}`}>
                {segment.text}
              </mark>
            ) : (
              segment.text
            ),
          )}
          {/* A last empty line has no height of its own. */}
          {"\u200b"}
        </div>
        <textarea
          ref={field}
          id={id}
          className={classes.text}
          value={value}
          placeholder={props.placeholder}
          rows={minRows}
          spellCheck={false}
          autoComplete="off"
          autoCorrect="off"
          autoCapitalize="off"
          // biome-ignore lint/a11y/noAutofocus: a dialog says which of its fields is first
          autoFocus={props.autoFocus}
          {...(props.autoFocus && { "data-autofocus": true })}
          aria-invalid={errors.length > 0}
          aria-describedby={[said, hint].filter(Boolean).join(" ") || undefined}
          {...(props.complete && {
            "aria-autocomplete": "list",
            "aria-controls": offer ? `${id}-list` : undefined,
            "aria-activedescendant": active,
          })}
          onChange={(event) => {
            const text = isLine ? event.currentTarget.value.replaceAll("\n", " ") : event.currentTarget.value;
            onChange(text);
            const at = event.currentTarget.selectionStart;
            if (text !== event.currentTarget.value) caret.current = at;
            if (asksAt(text, at)) ask(text, at);
            else close();
          }}
          onKeyDown={onKey}
          onClick={close}
          onBlur={close}
        />
        {offer && (
          <Suggestions
            id={id}
            label={`Suggestions for ${label}`}
            before={value.slice(0, unitsOf(value, offer.from))}
            offer={offer}
            onChoose={choose}
            onTake={take}
          />
        )}
      </div>
      {props.complete && (
        <>
          <p id={hint} className="sr-only">
            Suggestions come as you type: arrows choose one, Tab or Enter takes it, Escape closes them.
          </p>
          <p className="sr-only" role="status">
            {offer ? `${offer.items.length} ${offer.items.length === 1 ? "suggestion" : "suggestions"}` : ""}
          </p>
        </>
      )}
      {errors.length > 0 && (
        <ul id={said} className={classes.errors}>
          {errors.map((error) => (
            <li key={`${error.line}:${error.column} ${error.message}`}>
              <button type="button" onClick={() => goTo(error)}>
                <span className={classes.where}>
                  {error.line}:{error.column}
                </span>{" "}
                {error.message}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The list at the place of the word that it completes. */
function Suggestions(props: {
  id: string;
  label: string;
  before: string;
  offer: Offer;
  onChoose: (index: number) => void;
  onTake: (item: CompletionItem) => void;
}) {
  const { id, before, offer } = props;
  const place = useRef<HTMLSpanElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [spot, setSpot] = useState({ left: 0, top: 0 });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text before it is what moves the place
  useLayoutEffect(() => {
    const node = place.current;
    const box = node?.parentElement;
    if (!node || !box) return;
    const room = box.clientWidth - (list.current?.offsetWidth ?? 0);
    setSpot({ left: Math.max(0, Math.min(node.offsetLeft, room)), top: node.offsetTop + node.offsetHeight });
  }, [before]);
  useEffect(() => {
    list.current?.children[offer.active]?.scrollIntoView?.({ block: "nearest" });
  }, [offer.active]);
  return (
    <>
      <div className={classes.place} aria-hidden>
        {before}
        <span ref={place}>{"\u200b"}</span>
      </div>
      <div
        ref={list}
        id={`${id}-list`}
        role="listbox"
        aria-label={props.label}
        className={classes.list}
        style={spot}
      >
        {offer.items.map((item, index) => (
          // biome-ignore lint/a11y/useFocusableInteractive: the text field keeps the focus and names the active option
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the text field's
          <div
            key={`${index} ${item.label}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === offer.active}
            onPointerDown={(event) => event.preventDefault()}
            onMouseDown={(event) => event.preventDefault()}
            onPointerMove={() => index !== offer.active && props.onChoose(index)}
            onClick={() => props.onTake(item)}
          >
            <span className={classes.name}>{item.label}</span>
            <span className={classes.kind}>{item.kind}</span>
            {item.detail && <span className={classes.detail}>{item.detail}</span>}
          </div>
        ))}
      </div>
    </>
  );
}

/** Asks while one types; only the newest answer counts, and none that came too late. */
function useOffer(complete: ExpressionEditorProps["complete"]) {
  const [offer, setOffer] = useState<Offer | null>(null);
  const turn = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const close = () => {
    turn.current += 1;
    clearTimeout(timer.current);
    setOffer(null);
  };
  const ask = (text: string, units: number, wait = TYPING_MS) => {
    if (!complete) return;
    clearTimeout(timer.current);
    turn.current += 1;
    const mine = turn.current;
    timer.current = setTimeout(() => {
      complete(text, charactersOf(text, units)).then(
        (found) => {
          if (mine === turn.current) setOffer(startOf(text, found));
        },
        // Without suggestions one can still write; what is wrong with the server is said elsewhere.
        () => mine === turn.current && setOffer(null),
      );
    }, wait);
  };
  const choose = (active: number) => setOffer((old) => old && { ...old, active });
  return { offer, ask, close, choose };
}

/** The first is chosen once something is typed of it, unless that is a whole name already. Null: nothing to offer. */
export function startOf(text: string, found: Completion): Offer | null {
  const typed = Array.from(text).slice(found.from, found.to).join("");
  const items = found.items.filter((item) => item.insert !== typed);
  if (items.length === 0) return null;
  const isWhole = found.items.some((item) => item.insert === typed || item.insert.endsWith(`.${typed}`));
  return { ...found, items, active: typed === "" || isWhole ? -1 : 0 };
}
