/** Messages of the browser: may it, and how it subscribes. */
import { pushKey } from "@/shared/api/channels";

export const WORKER = "/push-worker.js";

export type PushState = "unsupported" | "insecure" | "denied" | "off" | "on";

/** What a channel of kind `push` is made of. */
export interface Subscribed {
  endpoint: string;
  p256dh: string;
  auth: string;
}

/** Base64url to bytes: what `applicationServerKey` wants. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bare = text.replaceAll("-", "+").replaceAll("_", "/");
  const raw = atob(bare.padEnd(Math.ceil(bare.length / 4) * 4, "="));
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

/** The three texts of a subscription; null where the browser gives less. */
export function partsOf(json: PushSubscriptionJSON): Subscribed | null {
  const { p256dh, auth } = json.keys ?? {};
  return json.endpoint && p256dh && auth ? { endpoint: json.endpoint, p256dh, auth } : null;
}

const isAble = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

export async function pushState(): Promise<PushState> {
  // Off https only this computer itself may subscribe.
  if (!window.isSecureContext) return "insecure";
  if (!isAble()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  const worker = await navigator.serviceWorker.getRegistration();
  return (await worker?.pushManager.getSubscription()) ? "on" : "off";
}

/** Asks for leave, starts the worker and subscribes. Throws words for a person. */
export async function subscribe(): Promise<Subscribed> {
  if ((await Notification.requestPermission()) !== "granted")
    throw new Error("The browser did not allow messages: its own settings for this page decide.");
  await navigator.serviceWorker.register(WORKER);
  const worker = await navigator.serviceWorker.ready;
  const key = bytesOf(await pushKey());
  // A subscription that another key made (a new installation at the old address) would never be reached.
  const old = await worker.pushManager.getSubscription();
  if (old && !isKey(old.options.applicationServerKey, key)) await old.unsubscribe();
  let made: PushSubscription;
  try {
    made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch (error) {
    throw new Error(
      `The browser's push service did not take the subscription${error instanceof Error && error.message ? `: ${error.message}` : "."}`,
    );
  }
  const parts = partsOf(made.toJSON());
  if (!parts) throw new Error("The browser gave a subscription without keys.");
  return parts;
}

export async function unsubscribe(): Promise<void> {
  const worker = await navigator.serviceWorker.getRegistration();
  await (await worker?.pushManager.getSubscription())?.unsubscribe();
}

function isKey(is: ArrayBuffer | null, wanted: Uint8Array): boolean {
  if (!is) return false;
  const bytes = new Uint8Array(is);
  return bytes.length === wanted.length && bytes.every((byte, at) => byte === wanted[at]);
}

/** A name that tells this browser from another: "Firefox on Linux". */
export function browserName(agent: string): string {
  const browser =
    [
      ["Edg/", "Edge"],
      ["OPR/", "Opera"],
      ["Firefox/", "Firefox"],
      ["Chrome/", "Chrome"],
      ["Safari/", "Safari"],
    ].find(([sign]) => sign && agent.includes(sign))?.[1] ?? "Browser";
  const system = [
    ["Android", "Android"],
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Windows", "Windows"],
    ["Mac OS", "Mac"],
    ["Linux", "Linux"],
  ].find(([sign]) => sign && agent.includes(sign))?.[1];
  return system ? `${browser} on ${system}` : browser;
}
