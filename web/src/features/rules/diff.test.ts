import { expect, it } from "vitest";
import { diff } from "./diff";

const before = 'alert "A" on $NSE:INFY when close crosses above 1500 at tick';
const after = 'alert "A" on $NSE:INFY when close crosses above 1612.50 at tick cooldown 30m';

it("tells what went and what came, and both texts can be read from it", () => {
  const pieces = diff(before, after);
  expect(
    pieces
      .filter((piece) => piece.kind !== "new")
      .map((piece) => piece.text)
      .join(""),
  ).toBe(before);
  expect(
    pieces
      .filter((piece) => piece.kind !== "gone")
      .map((piece) => piece.text)
      .join(""),
  ).toBe(after);
  expect(pieces.filter((piece) => piece.kind === "gone").map((piece) => piece.text)).toEqual(["1500"]);
  expect(pieces.filter((piece) => piece.kind === "new").map((piece) => piece.text)).toEqual([
    "1612.50",
    " cooldown 30m",
  ]);
});

it("finds nothing between equal texts, and all between others", () => {
  expect(diff(before, before)).toEqual([{ kind: "same", text: before }]);
  expect(diff("", "close")).toEqual([{ kind: "new", text: "close" }]);
});
