import { describe, expect, it } from "vitest";
import type { Channel, ChannelCard, ChannelField } from "@/shared/api/channels";
import {
  bodyOf,
  draftOf,
  editOf,
  faultsOf,
  fieldsOf,
  formKinds,
  missing,
  newDraft,
  testWords,
} from "./channelForm";

const field = (name: string, rest: Partial<ChannelField> = {}): ChannelField => ({
  name,
  label: name.toUpperCase(),
  type: "text",
  required: false,
  help: "",
  is_address: false,
  words: [],
  ...rest,
});

const card = (rest: Partial<ChannelCard>): ChannelCard => ({
  kind: "slack",
  title: "Slack",
  help: "",
  fields: [],
  ways: [],
  pace: { burst: 1, per_s: 1 },
  honours_key: false,
  sends_links: true,
  ...rest,
});

const slack = card({
  fields: [
    field("url", { type: "url", is_address: true }),
    field("channel"),
    field("token", { type: "secret" }),
  ],
  ways: [
    { name: "webhook", title: "Webhook", needs: ["url"], may: [], help: "" },
    { name: "bot", title: "Bot", needs: ["token", "channel"], may: [], help: "" },
  ],
});

const hook = card({
  kind: "webhook",
  title: "Webhook",
  fields: [
    field("url", { type: "url", required: true, is_address: true }),
    field("secret", { type: "secret" }),
    field("port", { type: "number" }),
  ],
});

const stored: Channel = {
  channel_id: "1",
  kind: "webhook",
  name: "Desk",
  address_label: "example.com/…",
  is_enabled: true,
  config: { port: 8080 },
  filled: ["url", "secret", "port"],
};

describe("a channel's form", () => {
  it("shows the fields of the chosen way, with what that way needs", () => {
    const draft = newDraft(slack);
    expect(fieldsOf(slack, draft, null).map((one) => [one.name, one.required])).toEqual([["url", true]]);
    expect(fieldsOf(slack, { ...draft, way: "bot" }, null).map((one) => one.name)).toEqual([
      "channel",
      "token",
    ]);
  });

  it("names what is missing, and makes a body of what is there", () => {
    const draft = { ...newDraft(slack), way: "bot", values: { channel: " #alerts ", token: " " } };
    const fields = fieldsOf(slack, draft, null);
    expect(missing(fields, draft)).toEqual(["TOKEN"]);
    const filled = { ...draft, values: { ...draft.values, token: { secret: "desk/slack" } } };
    expect(missing(fields, filled)).toEqual([]);
    expect(bodyOf(slack, fields, filled)).toEqual({
      kind: "slack",
      name: "Slack",
      is_enabled: true,
      config: { way: "bot", channel: "#alerts", token: { secret: "desk/slack" } },
    });
  });

  it("keeps hidden values that nobody typed anew, and takes out what was emptied or dropped", () => {
    const draft = draftOf(hook, stored);
    expect(draft.values).toEqual({ port: "8080" });
    const fields = fieldsOf(hook, draft, stored);
    expect(fields.map((one) => [one.name, one.isKept])).toEqual([
      ["url", true],
      ["secret", true],
      ["port", false],
    ]);
    expect(missing(fields, draft)).toEqual([]);
    expect(editOf(fields, { ...draft, name: "Night desk" }, stored)).toEqual({
      name: "Night desk",
      config: { port: "8080" },
    });
    const emptied = { ...draft, values: { port: "", url: "https://new.example" }, dropped: ["secret"] };
    expect(editOf(fieldsOf(hook, emptied, stored), emptied, stored).config).toEqual({
      url: "https://new.example",
      secret: null,
      port: null,
    });
  });

  it("knows a reference to a stored secret again", () => {
    const draft = draftOf(hook, { ...stored, config: { secret: { secret: "desk" } } });
    expect(draft.values.secret).toEqual({ secret: "desk" });
  });

  it("leaves out the inbox and the browser, which no form makes", () => {
    expect(formKinds([card({ kind: "in_app" }), card({ kind: "push" }), hook])).toEqual([hook]);
  });

  it("puts the server's complaints beside their fields", () => {
    expect(faultsOf({ "config.url": ["must be https"], name: ["is taken"] }, "two faults")).toEqual({
      url: "must be https",
      name: "is taken",
    });
    expect(faultsOf({}, "The server does not answer.")).toEqual({ "": "The server does not answer." });
  });
});

it("says in words what became of a test", () => {
  expect(testWords({ ok: true, error: "" })).toContain("was taken");
  expect(testWords({ ok: false, error: "the receiver answered HTTP 404" })).toBe(
    "Not sent: the receiver answered HTTP 404. There is nothing at this address, or nothing any more.",
  );
  expect(testWords({ ok: false, error: "Slack refused: no_service" })).toBe(
    "Not sent: Slack refused: no_service.",
  );
});
