import { expect, it } from "vitest";
import { check, refusal } from "./imports.mjs";

it("keeps the direction: shared knows nobody, features know shared, app joins them", () => {
  expect(check()).toEqual([]);
});

it("refuses the other directions", () => {
  expect(refusal("shared", "app")).toBeTruthy();
  expect(refusal("shared", "features/a")).toBeTruthy();
  expect(refusal("features/a", "features/b")).toBeTruthy();
  expect(refusal("features/a", "app")).toBeTruthy();
  expect(refusal("features/a", "shared")).toBeNull();
  expect(refusal("app", "features/a")).toBeNull();
});
