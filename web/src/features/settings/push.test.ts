import { describe, expect, it } from "vitest";
import { browserName, bytesOf, partsOf } from "./push";

describe("a push subscription", () => {
  it("reads the server's key", () => {
    expect([...bytesOf("BAEC_w-_")]).toEqual([4, 1, 2, 255, 15, 191]);
    expect([...bytesOf("AQ")]).toEqual([1]);
  });

  it("is three texts, or nothing", () => {
    const keys = { p256dh: "k", auth: "a" };
    expect(partsOf({ endpoint: "https://push.example/1", keys })).toEqual({
      endpoint: "https://push.example/1",
      p256dh: "k",
      auth: "a",
    });
    expect(partsOf({ endpoint: "https://push.example/1", keys: { p256dh: "k" } })).toBeNull();
  });

  it("is named after its browser", () => {
    expect(browserName("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36")).toBe(
      "Chrome on Linux",
    );
    expect(browserName("Mozilla/5.0 (Linux; Android 15; rv:1) Gecko Firefox/140.0")).toBe(
      "Firefox on Android",
    );
    expect(browserName("curl/8")).toBe("Browser");
  });
});
