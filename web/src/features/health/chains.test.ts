import { describe, expect, it } from "vitest";
import { chainsWords } from "./chains";

describe("the store of option chains in words", () => {
  it("is named", () => {
    expect(chainsWords({ store: "mongodb", problem: null })).toBe("Option chains are kept in MongoDB.");
  });

  it("says why it is away and what goes on", () => {
    expect(chainsWords({ store: "mongodb", problem: "MongoDB did not answer: connection refused" })).toBe(
      "Option chains are away: MongoDB did not answer: connection refused. Alerts go on without them.",
    );
  });
});
