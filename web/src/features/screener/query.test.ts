import { describe, expect, it } from "vitest";
import type { Cond, FieldEntry, RuleForm } from "@/shared/api/ruleTypes";
import {
  alertForm,
  bodyOf,
  chipsOf,
  chipWords,
  columnsOf,
  columnsText,
  curlOf,
  EVERYBODY,
  fieldOf,
  grouped,
  isScreen,
  joined,
  labelsOf,
  named,
  operand,
  operandsOf,
  orderOf,
  partsOf,
  shortened,
  sortText,
  unknownWords,
} from "./query";
import type { ScreenInfo } from "./types";

const field = (name: string, label: string): FieldEntry => ({
  name,
  label,
  type: "number",
  cadence: "daily",
  description: "",
  unit: "",
  source: "",
});
const FIELDS = [
  field("close", "Price"),
  field("fund.pe", "P/E"),
  field("fund.roe", "ROE"),
  field("opt.pe", "Put"),
];
const cheap: Cond = { op: "compare", operator: "<", left: "fund.pe", right: "15" };
const good: Cond = { op: "compare", operator: ">=", left: "roe", right: "15%" };
const bareForm = (name: string, when: Cond) =>
  ({
    kind: "screen",
    name,
    on: [{ kind: "all" }],
    where: null,
    when,
    order_by: null,
    limit: null,
    columns: [],
  }) as unknown as RuleForm;
const screen = { screen_id: "value-picks", text: "pe < 15" } as ScreenInfo;

describe("the address", () => {
  it("keeps order and columns there and back", () => {
    for (const sort of ["-fund.pe", "close", "-pct_change(close, 5)"])
      expect(sortText(orderOf(sort))).toBe(sort);
    expect(orderOf(undefined)).toBeUndefined();
    const columns = ["fund.pe", "sma(close, 50)"];
    expect(columnsOf(columnsText(columns))).toEqual(columns);
    expect(columnsText([])).toBeUndefined();
  });

  it("asks for a screen by its id until its text is changed", () => {
    expect(bodyOf({}, screen)).toEqual({ screen_id: "value-picks" });
    expect(
      bodyOf(
        { text: "pe < 12", sort: "-fund.roe", columns: "fund.pe|fund.roe", as_of: "2026-11-02" },
        screen,
      ),
    ).toEqual({
      text: "pe < 12",
      sort: "fund.roe",
      descending: true,
      columns: ["fund.pe", "fund.roe"],
      as_of: "2026-11-02",
    });
    expect(bodyOf({}, undefined)).toBeNull();
  });

  it("brings the columns of a text that names none", () => {
    expect(operandsOf(joined([cheap, good, { op: "between", of: "close", low: "1", high: "2" }]))).toEqual([
      "fund.pe",
      "roe",
    ]);
    const golden: Cond = { op: "crosses", direction: "above", left: "close", right: "sma(close, 50)" };
    expect(operandsOf(golden)).toEqual(["sma(close, 50)"]);
    expect(operandsOf({ op: "text", text: "pe is known" })).toEqual([]);
    expect(bodyOf({ text: "a" }, undefined, ["fund.pe"])).toEqual({ text: "a", columns: ["fund.pe"] });
    expect(bodyOf({ text: "a", columns: "volume" }, undefined, ["fund.pe"])?.columns).toEqual(["volume"]);
  });

  it("has a text with clauses or a condition alone", () => {
    expect(isScreen('# cheap\n screen "A" when pe < 15')).toBe(true);
    expect(isScreen("screener > 1")).toBe(false);
    expect(isScreen("pe < 15")).toBe(false);
  });

  it("becomes a line for a terminal, quotes and all", () => {
    const line = curlOf("https://bell.example", { text: "news.event('x') and pe < 15" });
    expect(line).toContain("https://bell.example/api/screens/run");
    expect(line).toContain("news.event('\\''x'\\'')");
  });
});

describe("chips", () => {
  const labels = labelsOf(FIELDS);

  it("are the parts that all have to hold", () => {
    expect(partsOf(cheap)).toEqual([cheap]);
    expect(partsOf(joined([cheap, good]))).toEqual([cheap, good]);
    expect(joined([cheap])).toBe(cheap);
    expect(joined([])).toBe(EVERYBODY);
  });

  it("say labels, and the text where there is more than a field", () => {
    expect(chipWords(cheap, "fund.pe < 15", labels)).toBe("P/E < 15");
    expect(chipWords(good, "", labels)).toBe("ROE ≥ 15%");
    expect(chipWords({ op: "between", of: "close", low: "10", high: "20" }, "", labels)).toBe(
      "Price 10 to 20",
    );
    const golden: Cond = { op: "crosses", direction: "above", left: "close", right: "sma(close, 50)" };
    expect(chipWords(golden, "", labels)).toBe("Price crosses above sma(close, 50)");
    expect(chipWords({ op: "text", text: "pe is known" }, "fund.pe is known", labels)).toBe(
      "fund.pe is known",
    );
  });

  it("say large numbers short, and let them be typed so", () => {
    const large: Cond = { op: "compare", operator: ">", left: "fund.pe", right: "5000000000" };
    expect(chipWords(large, "", labels, () => "500Cr")).toBe("P/E > 500Cr");
    expect(shortened("5000000000", true)).toBe("500Cr");
    expect(shortened("-250000", true)).toBe("-2.5L");
    expect(shortened("5000000000", false)).toBe("5B");
    expect(shortened("5000000001", true)).toBe("5000000001");
    expect(shortened("99999", true)).toBe("99999");
    expect(shortened("sma(close, 50)", true)).toBe("sma(close, 50)");
  });

  it("keep a field's label for its own bare name only", () => {
    expect(labels.get("pe")).toBe("P/E");
    expect(fieldOf("pe", FIELDS)?.name).toBe("fund.pe");
    expect(fieldOf("sma(close, 50)", FIELDS)).toBeNull();
  });

  it("show the server's counts, and none while it counts", () => {
    const form = bareForm("A", joined([cheap, good]));
    const counted = [{ text: "fund.pe < 15", form: cheap, count: 7 }];
    expect(chipsOf(form, counted).map((chip) => chip.count)).toEqual([7, null]);
    expect(chipsOf(undefined, counted)).toEqual(counted);
  });
});

describe("the form", () => {
  it("of an alert keeps where and when, and drops what only a list has", () => {
    const form = { ...bareForm('Say "cheap"', cheap), order_by: "fund.roe", columns: ["fund.pe"], limit: 20 };
    const alert = alertForm(form, form.name);
    expect(alert).toMatchObject({
      kind: "alert",
      name: "Say 'cheap': in or out",
      when: cheap,
      fire: "on change",
    });
    expect([alert.order_by, alert.columns, alert.limit]).toEqual([null, [], null]);
  });

  it("gets a name where it has more than a condition", () => {
    const bare = bareForm("", cheap);
    expect(named(bare, "Mine").name).toBe("");
    expect(named({ ...bare, order_by: "fund.roe" }, "Mine").name).toBe("Mine");
    expect(named({ ...bare, name: "A", limit: 5 }, "Mine").name).toBe("A");
  });

  it("takes numbers as people group them and leaves expressions alone", () => {
    expect(operand(" 1,20,000 ")).toBe("120000");
    expect(operand("500 cr")).toBe("500Cr");
    expect(operand("3m")).toBe("3M");
    expect(operand("−2%")).toBe("-2%");
    expect(operand("sma(close, 50)")).toBe("sma(close, 50)");
  });

  it("groups fields for a chooser", () => {
    expect(grouped(FIELDS).map(({ group, items }) => [group, items.length])).toEqual([
      ["Price and volume", 1],
      ["Company figures", 2],
      ["Options", 1],
    ]);
  });
});

it("says who could not be judged, and why", () => {
  const labels = labelsOf(FIELDS);
  expect(
    unknownWords(
      {
        count: 12,
        fields: [
          { field: "fund.roe", count: 8 },
          { field: "x", count: 1 },
        ],
      },
      labels,
    ),
  ).toBe("12 could not be judged: 8 lack ROE, 1 lacks x");
  expect(unknownWords({ count: 1, fields: [] }, labels)).toBe("1 could not be judged");
});
