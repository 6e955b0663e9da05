/** A channel's form, made from the card of its kind. Secrets never come back: an empty field keeps what is there. Pure. */
import type { Channel, ChannelBody, ChannelCard, ChannelEdit, ChannelField } from "@/shared/api/channels";

/** What stands in a field: text, a switch, or the name under which the installation keeps a secret. */
export type Filled = string | boolean | { secret: string };

export interface ChannelDraft {
  kind: string;
  name: string;
  /** Which of the kind's ways; "" where it has one only. */
  way: string;
  values: Record<string, Filled>;
  /** Optional hidden values that are to go. */
  dropped: readonly string[];
}

export interface FormField extends ChannelField {
  /** Never shown again once stored. */
  isHidden: boolean;
  /** A value is stored, and stays unless another one is typed. */
  isKept: boolean;
}

const HIDDEN = new Set(["secret", "url", "email"]);
export const isHidden = (field: ChannelField) => field.is_address || HIDDEN.has(field.type);

/** Kinds that a form can add: the inbox is always there, and a browser subscribes by itself. */
export const formKinds = (cards: readonly ChannelCard[]) =>
  cards.filter((card) => card.kind !== "in_app" && card.kind !== "push");

export function newDraft(card: ChannelCard): ChannelDraft {
  return { kind: card.kind, name: "", way: card.ways[0]?.name ?? "", values: {}, dropped: [] };
}

export function draftOf(card: ChannelCard, channel: Channel): ChannelDraft {
  const { way, ...config } = channel.config;
  const values: Record<string, Filled> = {};
  for (const [name, value] of Object.entries(config))
    values[name] =
      typeof value === "boolean" ? value : isReference(value) ? { secret: value.secret } : String(value);
  return {
    kind: card.kind,
    name: channel.name,
    way: typeof way === "string" ? way : (card.ways[0]?.name ?? ""),
    values,
    dropped: [],
  };
}

function isReference(value: unknown): value is { secret: string } {
  return typeof value === "object" && value !== null && "secret" in value;
}

/** The fields of the chosen way, what every way needs first, with what is known of the stored channel. */
export function fieldsOf(
  card: ChannelCard,
  draft: Pick<ChannelDraft, "way" | "dropped">,
  stored: Channel | null,
): FormField[] {
  const way = card.ways.find((one) => one.name === draft.way);
  const ofWays = new Set(card.ways.flatMap((one) => [...one.needs, ...one.may]));
  const mine = new Set(way ? [...way.needs, ...way.may] : []);
  return card.fields
    .filter((field) => !ofWays.has(field.name) || mine.has(field.name))
    .map((field) => ({
      ...field,
      required: field.required || Boolean(way?.needs.includes(field.name)),
      isHidden: isHidden(field),
      isKept:
        isHidden(field) &&
        Boolean(stored?.filled.includes(field.name)) &&
        !draft.dropped.includes(field.name),
    }));
}

const isEmpty = (value: Filled | undefined) =>
  value === undefined ||
  (typeof value === "string" ? value.trim() === "" : typeof value === "object" && value.secret.trim() === "");

/** Labels of what must be filled and is not. */
export function missing(fields: readonly FormField[], draft: ChannelDraft): string[] {
  return fields
    .filter((field) => field.required && !field.isKept && isEmpty(draft.values[field.name]))
    .map((field) => field.label);
}

const given = (value: Filled) =>
  typeof value === "string"
    ? value.trim()
    : typeof value === "object"
      ? { secret: value.secret.trim() }
      : value;

function config(fields: readonly FormField[], draft: ChannelDraft, isStored: boolean) {
  const out: Record<string, unknown> = draft.way ? { way: draft.way } : {};
  for (const field of fields) {
    const value = draft.values[field.name];
    if (draft.dropped.includes(field.name) && isEmpty(value)) out[field.name] = null;
    else if (value !== undefined && !isEmpty(value)) out[field.name] = given(value);
    // A shown field that was emptied is taken out; a hidden one that is empty was never touched.
    else if (isStored && !field.isHidden) out[field.name] = null;
  }
  return out;
}

export function bodyOf(card: ChannelCard, fields: readonly FormField[], draft: ChannelDraft): ChannelBody {
  return {
    kind: card.kind,
    name: draft.name.trim() || card.title,
    config: config(fields, draft, false),
    is_enabled: true,
  };
}

export function editOf(fields: readonly FormField[], draft: ChannelDraft, stored: Channel): ChannelEdit {
  return { name: draft.name.trim() || stored.name, config: config(fields, draft, true) };
}

/** The server's complaints by field: `config.url` is the field `url`; what belongs to none stands under "". */
export function faultsOf(fields: Record<string, unknown>, message: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, texts] of Object.entries(fields)) {
    const [first] = Array.isArray(texts) ? texts : [texts];
    found[name.replace(/^config\./, "")] = String(first ?? message);
  }
  return Object.keys(found).length > 0 ? found : { "": message };
}

const MEANS: readonly (readonly [RegExp, string])[] = [
  [/\bHTTP (401|403)\b/, "The key, the token or the address was refused."],
  [/\bHTTP (404|410)\b/, "There is nothing at this address, or nothing any more."],
  [/\bHTTP 429\b/, "It takes no more messages for the moment."],
  [/\bHTTP 5\d\d\b/, "The other side is out of order; it may mend by itself."],
];

/** What became of a test message, in words; the server's own sentence comes first, what a bare status means after. */
export function testWords(answer: { ok: boolean; error: string }): string {
  if (answer.ok) return "The test message was taken. Look whether it arrived.";
  const said = answer.error.trim().replace(/\.$/, "");
  if (!said) return "The test message was not taken.";
  const means = MEANS.find(([pattern]) => pattern.test(said))?.[1];
  return `Not sent: ${said}.${means ? ` ${means}` : ""}`;
}
