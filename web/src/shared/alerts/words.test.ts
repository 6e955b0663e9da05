import { describe, expect, it } from "vitest";
import type { StoryLine } from "@/shared/api/delivery";
import type { AlertDelivery } from "@/shared/api/ruleTypes";
import { duration } from "@/shared/format/time";
import { bare, deliveryWords, lapse, signOf, timeline, together } from "./words";

let count = 0;
const delivery = (state: string, rest: Partial<AlertDelivery> = {}): AlertDelivery => {
  count += 1;
  return {
    delivery_id: String(count),
    channel: "slack",
    address_label: "Desk",
    state,
    attempts: 0,
    error: "",
    until: null,
    carried_by: "",
    sent_at: null,
    ...rest,
  };
};
const time = (at: string) => at.slice(11, 16);
const words = (one: AlertDelivery, others = 0) => deliveryWords(one, { time, others }).words;
const AT = "2026-11-27T10:31:00.000Z";

describe("a delivery in words", () => {
  it("says what became of it", () => {
    expect(words(delivery("sent", { channel: "in_app" }))).toBe("in the inbox");
    expect(words(delivery("sent", { sent_at: AT, attempts: 1 }))).toBe("sent 10:31");
    expect(words(delivery("sent", { sent_at: AT, attempts: 3 }), 42)).toBe(
      "sent 10:31, with 42 others in one message, at try 3",
    );
    expect(words(delivery("carried", { carried_by: "9" }), 1)).toBe("told in one message with 1 other");
    expect(words(delivery("carried", { carried_by: "9" }))).toBe("told in one message with others");
    expect(words(delivery("dead", { attempts: 8, error: "HTTP 500" }))).toBe(
      "not delivered after 8 tries: HTTP 500",
    );
    expect(words(delivery("maybe_sent"))).toBe("may have been sent");
    expect(words(delivery("retry", { attempts: 2, until: AT, error: "HTTP 503" }))).toBe(
      "try 3 at 10:31: HTTP 503",
    );
    expect(words(delivery("queued"))).toBe("on its way");
  });

  it("says until when by the reader's own clock, once", () => {
    const held = (error: string) => words(delivery("held", { error, until: AT }));
    expect(held("quiet hours until 2026-11-28 07:00 IST")).toBe("waits: quiet hours, until 10:31");
    expect(held("in the digest of 2026-11-28 08:00 IST")).toBe("waits: in the digest, until 10:31");
    expect(held("many at once: gathered until 2026-11-28 08:00 IST")).toBe(
      "waits: many at once: gathered, until 10:31",
    );
    expect(bare("silenced until 2026-11-28 08:00 IST: holiday")).toBe("silenced: holiday");
    expect(bare("snoozed, nothing more until 2026-11-28 08:00 IST")).toBe("snoozed, nothing more");
    expect(bare("quiet hours until 2026-11-28 08:00 +0530, and it is of severity low")).toBe(
      "quiet hours, and it is of severity low",
    );
    expect(bare("told a moment ago: not before 2026-11-28 08:00 IST")).toBe("told a moment ago");
    expect(bare("the channel is switched off")).toBe("the channel is switched off");
  });

  it("has a sign of its own for what went well, waits and failed", () => {
    expect(
      new Set(["sent", "held", "retry", "dead", "maybe_sent", "suppressed"].map((one) => signOf(one).sign))
        .size,
    ).toBe(6);
  });

  it("counts who is told in one message", () => {
    const carrier = delivery("sent");
    const carried = [0, 1, 2].map(() => delivery("carried", { carried_by: carrier.delivery_id }));
    const alone = delivery("sent");
    const found = together([carrier, ...carried, alone]);
    expect([carrier, ...carried].map((one) => found.get(one.delivery_id))).toEqual([3, 3, 3, 3]);
    expect(found.get(alone.delivery_id)).toBeUndefined();
  });
});

describe("the story of an alert", () => {
  const line = (what: string, at: string): StoryLine => ({
    at,
    what,
    detail: "",
    channel: "",
    address_label: "",
    delivery_id: "",
  });
  const lines = [
    line("decided", "2021-04-28T04:00:00.000Z"),
    line("recorded", "2026-11-27T10:00:00.000Z"),
    line("planned", "2026-11-27T10:00:00.020Z"),
    line("accepted", "2026-11-27T10:00:00.120Z"),
  ];

  it("counts from the record, and not by the market's clock", () => {
    expect(timeline(lines, true).map((one) => one.sinceMs)).toEqual([null, null, 20, 120]);
  });

  it("begins with the decision, also where the market's clock is ahead", () => {
    const [, ...rest] = lines;
    const ahead = [...rest, line("decided", "2026-11-28T10:00:00.000Z")];
    expect(timeline(ahead, true)[0]?.line.what).toBe("decided");
  });

  it("leaves the works to those who look into them", () => {
    expect(timeline(lines, false).map((one) => one.line.what)).toEqual(["decided", "recorded", "accepted"]);
  });

  it("names short and long times", () => {
    expect([0, 37.4, 1234, 75_000].map((ms) => lapse(ms, duration))).toEqual([
      "under 1 ms",
      "37 ms",
      "1.2 s",
      "1 min 15 s",
    ]);
  });
});
