import { expect, test } from "vitest";
import { ApiError } from "./client";
import { textErrors } from "./textErrors";

const refused = (fields: Record<string, unknown>) =>
  new ApiError(400, "invalid_rule", "1:1: no", fields, null);

test("errors stand at their places, whatever the message says", () => {
  const error = refused({ text: ["1:5: there is no field `pee`: did you mean `pe`?", "2:10: a: b\nc"] });
  expect(textErrors(error, "text")).toEqual([
    { line: 1, column: 5, message: "there is no field `pee`: did you mean `pe`?", reason: "syntax" },
    { line: 2, column: 10, message: "a: b\nc", reason: "syntax" },
  ]);
});

test("of another text, of no place or of no answer there are none", () => {
  expect(textErrors(refused({ columns: ["1:1: no"] }), "text")).toEqual([]);
  expect(textErrors(refused({ text: ["send either text or screen_id"] }), "text")).toEqual([]);
  expect(textErrors(new Error("away"), "text")).toEqual([]);
  expect(textErrors(null, "text")).toEqual([]);
});
