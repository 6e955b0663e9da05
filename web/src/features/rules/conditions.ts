/** The tree of conditions as a form holds it: found by path, changed without touching the rest. Pure. */
import type { Cond } from "@/shared/api/ruleTypes";

/** The way from the root: an index in a group, "of" below a `not`. */
export type Path = readonly (number | "of")[];

export const EMPTY: Cond = { op: "compare", operator: ">", left: "close", right: "" };

export function at(root: Cond, path: Path): Cond | null {
  let here: Cond | null = root;
  for (const step of path) {
    if (here === null) return null;
    if (step === "of") here = here.op === "not" ? here.of : null;
    else here = "parts" in here ? (here.parts[step] ?? null) : null;
  }
  return here;
}

/** The tree with another condition at that place. A place that is not there changes nothing. */
export function put(root: Cond, path: Path, next: Cond): Cond {
  const [step, ...rest] = path;
  if (step === undefined) return next;
  if (step === "of") return root.op === "not" ? { ...root, of: put(root.of, rest, next) } : root;
  if (!("parts" in root) || !root.parts[step]) return root;
  return { ...root, parts: root.parts.map((part, place) => (place === step ? put(part, rest, next) : part)) };
}

/** Without the condition at that place. A group of one becomes that one; the last condition stays. */
export function drop(root: Cond, path: Path): Cond {
  const parent = path.slice(0, -1);
  const last = path[path.length - 1];
  if (last === undefined) return root;
  if (last === "of") return drop(root, parent);
  const group = at(root, parent);
  if (!group || !("parts" in group)) return root;
  const parts = group.parts.filter((_, place) => place !== last);
  const [only] = parts;
  if (parts.length === 0) return drop(root, parent);
  return put(root, parent, parts.length === 1 && only ? only : { ...group, parts });
}

/** One more condition: beside the root's own, or in the group at that place. */
export function add(root: Cond, path: Path, next: Cond): Cond {
  const group = at(root, path);
  if (!group) return root;
  if ("parts" in group) return put(root, path, { ...group, parts: [...group.parts, next] });
  return put(root, path, { op: "and", parts: [group, next] });
}

/** The condition at that place, denied; a denied one as it was. */
export function turn(root: Cond, path: Path): Cond {
  const here = at(root, path);
  if (!here) return root;
  return put(root, path, here.op === "not" ? here.of : { op: "not", of: here });
}

/** The condition at that place in a group of its own, with room for another. */
export function wrap(root: Cond, path: Path, op: "and" | "or"): Cond {
  const here = at(root, path);
  return here ? put(root, path, { op, parts: [here, EMPTY] }) : root;
}

export function move(root: Cond, path: Path, by: number): Cond {
  const place = path[path.length - 1];
  const parent = path.slice(0, -1);
  const group = at(root, parent);
  if (typeof place !== "number" || !group || !("parts" in group)) return root;
  const target = place + by;
  const here = group.parts[place];
  if (!here || target < 0 || target >= group.parts.length) return root;
  const parts = group.parts.filter((_, index) => index !== place);
  parts.splice(target, 0, here);
  return put(root, parent, { ...group, parts });
}

/** What a condition says between its values: one list for comparing, crossing, lying between and moving. */
export const VERBS = [
  { value: ">", label: "is above" },
  { value: ">=", label: "is at least" },
  { value: "<", label: "is below" },
  { value: "<=", label: "is at most" },
  { value: "=", label: "is" },
  { value: "!=", label: "is not" },
  { value: "above", label: "crosses above" },
  { value: "below", label: "crosses below" },
  { value: "either", label: "crosses" },
  { value: "between", label: "is between" },
  { value: "rises", label: "rises by" },
  { value: "falls", label: "falls by" },
  { value: "moves", label: "moves by" },
  { value: "text", label: "in the rule language" },
] as const;
export type Verb = (typeof VERBS)[number]["value"];

export function verbOf(cond: Cond): Verb {
  switch (cond.op) {
    case "compare":
      return cond.operator as Verb;
    case "crosses":
      return cond.direction;
    case "between":
      return "between";
    case "moves":
      return cond.verb;
    default:
      return "text";
  }
}

/** The same values under another verb; what has no place there is kept where there is one. */
export function withVerb(cond: Cond, verb: Verb): Cond {
  const [first, second, third] = valuesOf(cond);
  switch (verb) {
    case "above":
    case "below":
    case "either":
      return { op: "crosses", direction: verb, left: first, right: second };
    case "between":
      return { op: "between", of: first, low: second, high: third };
    case "rises":
    case "falls":
    case "moves":
      return { op: "moves", verb, of: first, by: /%$/.test(second) ? second : "2%", within: third || "10m" };
    case "text":
      return { op: "text", text: words(cond) };
    default:
      return { op: "compare", operator: verb, left: first, right: second };
  }
}

/** A single condition as one would type it; the server reads it, and says what is wrong with it. */
function words(cond: Cond): string {
  switch (cond.op) {
    case "compare":
      return `${cond.left} ${cond.operator} ${cond.right}`;
    case "crosses":
      return `${cond.left} crosses${cond.direction === "either" ? "" : ` ${cond.direction}`} ${cond.right}`;
    case "between":
      return `${cond.of} between ${cond.low} and ${cond.high}`;
    case "moves":
      return `${cond.of} ${cond.verb} by ${cond.by} within ${cond.within}`;
    case "text":
      return cond.text;
    default:
      return "";
  }
}

function valuesOf(cond: Cond): [string, string, string] {
  switch (cond.op) {
    case "compare":
    case "crosses":
      return [cond.left, cond.right, ""];
    case "between":
      return [cond.of, cond.low, cond.high];
    case "moves":
      return [cond.of, cond.by, ""];
    default:
      return ["close", "", ""];
  }
}

/** A path as the server names places: `when.parts.0.of`. */
export function nameOf(root: string, path: Path): string {
  return path.reduce<string>((name, step) => name + (step === "of" ? ".of" : `.parts.${step}`), root);
}

/** True where a blank is not filled yet: there is nothing to ask the server. */
export function isUnfinished(cond: Cond | null): boolean {
  if (cond === null) return false;
  if ("parts" in cond) return cond.parts.some(isUnfinished);
  if (cond.op === "not") return isUnfinished(cond.of);
  return Object.values(cond).some((value) => typeof value === "string" && value.trim() === "");
}
