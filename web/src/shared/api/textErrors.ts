/** What the server says is wrong with a text, at its places. */
import { ApiError } from "./client";
import type { TextError } from "./ruleTypes";

const NONE: readonly TextError[] = [];
const PLACED = /^(\d+):(\d+): ([\s\S]*)$/;

/** Errors of the text that went by this name ("text", "columns"); none where something else went wrong. */
export function textErrors(error: unknown, name: string): readonly TextError[] {
  const said = error instanceof ApiError ? error.fields[name] : undefined;
  if (!Array.isArray(said)) return NONE;
  return said.flatMap((one) => {
    const found = PLACED.exec(String(one));
    if (!found) return [];
    const [, line, column, message = ""] = found;
    return [{ line: Number(line), column: Number(column), message, reason: "syntax" }];
  });
}
