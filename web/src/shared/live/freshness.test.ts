import { describe, expect, it } from "vitest";
import { judge } from "./freshness";

const open = { state: "open" };

describe("freshness", () => {
  it("calls silence stale only while the market is open and the feed should speak", () => {
    expect(judge({ link: "connected", session: open, feed: "running", quietS: 6 })).toBe("stale");
    expect(judge({ link: "connected", session: open, feed: "running", quietS: 4 })).toBe("live");
    expect(judge({ link: "connected", session: open, feed: "paused", quietS: 600 })).toBe("live");
    expect(judge({ link: "connected", session: { state: "closed" }, feed: "ended", quietS: 600 })).toBe(
      "closed",
    );
  });

  it("says offline before anything else, and nothing before the first answer", () => {
    expect(judge({ link: "lost", session: { state: "closed" }, feed: "running", quietS: 0 })).toBe("offline");
    expect(judge({ link: "connecting", session: undefined, feed: undefined, quietS: 60 })).toBe("live");
  });
});
