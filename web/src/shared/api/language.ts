/** The rule language as the server knows it: what can be written at a place of a text. */
import type { Completion } from "@/shared/ui/expressionText";
import { api, unwrap } from "./client";

/** For an editor's `complete`: a rule or screen with its clauses, or an expression alone. */
export const completer =
  (kind: "rule" | "expression") =>
  (text: string, position: number): Promise<Completion> =>
    unwrap(api.POST("/api/language/complete", { body: { text, position, kind } }));
