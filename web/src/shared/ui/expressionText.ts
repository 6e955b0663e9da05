/**
 * Positions in a text of the language. The server counts characters (code points), lines and columns from 1;
 * a text field counts UTF-16 units. Everything here is pure.
 */

export interface TextMark {
  line: number;
  column: number;
  message: string;
}

export interface CompletionItem {
  label: string;
  insert: string;
  kind: string;
  detail: string;
}

/** What may stand between `from` and `to` (characters). */
export interface Completion {
  from: number;
  to: number;
  items: CompletionItem[];
}

/** UTF-16 units before the n-th character; the end of the text where it has fewer. */
export function unitsOf(text: string, characters: number): number {
  let units = 0;
  let left = characters;
  for (const character of text) {
    if (left <= 0) break;
    units += character.length;
    left -= 1;
  }
  return units;
}

/** Characters before the n-th UTF-16 unit. */
export function charactersOf(text: string, units: number): number {
  return Array.from(text.slice(0, units)).length;
}

/** The unit at line and column, each bounded by what there is. */
export function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  const row = text.slice(start, end < 0 ? text.length : end);
  return start + unitsOf(row, column - 1);
}

const WORD = /^(?:[\p{L}\p{N}_.$@]+|"[^"\n]*"?|\S)/u;

/** From `offset` to the end of the word, text or sign that stands there; empty at the end of a line. */
export function wordAt(text: string, offset: number): number {
  return offset + (WORD.exec(text.slice(offset))?.[0].length ?? 0);
}

export interface Segment {
  text: string;
  /** The error that this piece is marked with. */
  error: TextMark | null;
}

/** The text cut into marked and plain pieces. An error at the end of a line marks a blank that is put there. */
export function segmentsOf(text: string, errors: readonly TextMark[]): Segment[] {
  const marks = errors
    .map((error) => ({ error, from: offsetOf(text, error.line, error.column) }))
    .sort((a, b) => a.from - b.from);
  const segments: Segment[] = [];
  let at = 0;
  let marked = -1;
  for (const { error, from } of marks) {
    if (from < at || from === marked) continue;
    marked = from;
    if (from > at) segments.push({ text: text.slice(at, from), error: null });
    at = wordAt(text, from);
    segments.push({ text: text.slice(from, at) || " ", error });
  }
  if (at < text.length) segments.push({ text: text.slice(at), error: null });
  return segments;
}

/** The text with an item in place of what was typed of it, and where the caret stands then (units). */
export function accept(text: string, completion: Completion, item: CompletionItem): [string, number] {
  const from = unitsOf(text, completion.from);
  const head = text.slice(0, from) + item.insert;
  return [head + text.slice(unitsOf(text, completion.to)), head.length];
}

const IN_WORD = /(?:^|[^\p{L}\p{N}_.$"@:])[\p{L}_$"][\p{L}\p{N}_.:&@]*$/u;
const IN_MEMBER = /[)\]]\.[\p{L}_]*$/u;
const BEHIND = /[\p{L}\p{N}_"%)\]] $/u;

/** True in a word, a symbol or a member, and at the space behind what something can follow; not in a number. */
export function asksAt(text: string, units: number): boolean {
  const before = text.slice(0, units);
  return IN_WORD.test(before) || IN_MEMBER.test(before) || BEHIND.test(before);
}
