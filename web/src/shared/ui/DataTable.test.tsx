import { describe, expect, it } from "vitest";
import { type Column, sortRows } from "./DataTable";

interface Row {
  name: string;
  value: string | null;
}

const rows: Row[] = [
  { name: "b", value: "2" },
  { name: "a", value: null },
  { name: "c", value: "10" },
];
const byValue: Column<Row> = {
  id: "value",
  title: "Value",
  cell: (row) => row.value,
  value: (row) => row.value,
};
const byName: Column<Row> = { id: "name", title: "Name", cell: (row) => row.name, text: (row) => row.name };

describe("sorting", () => {
  it("compares decimal text as numbers and keeps the unknown last either way", () => {
    expect(sortRows(rows, byValue, true).map((row) => row.name)).toEqual(["c", "b", "a"]);
    expect(sortRows(rows, byValue, false).map((row) => row.name)).toEqual(["b", "c", "a"]);
  });

  it("sorts text and leaves the given rows alone", () => {
    expect(sortRows(rows, byName, false).map((row) => row.name)).toEqual(["a", "b", "c"]);
    expect(rows[0]?.name).toBe("b");
  });
});
