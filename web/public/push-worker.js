// Shows alerts that the push service brings, also while no page is open. A repeat bears the same tag: it takes the
// place of what it repeats.
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data?.json() ?? {};
  } catch {
    // A browser must show something for each message: words that nobody can read are told as such.
    said = { title: "Marketbell", body: "An alert came that this browser could not read." };
  }
  const actions = [];
  if (said.url) actions.push({ action: "open", title: "Open" });
  if (said.mute) actions.push({ action: "mute", title: "Mute this rule" });
  event.waitUntil(
    self.registration.showNotification(said.title || "Marketbell", {
      body: said.body || "",
      tag: said.tag || undefined,
      icon: "/bell.svg",
      badge: "/bell.svg",
      requireInteraction: said.severity === "high",
      data: { open: said.url || "/alerts", mute: said.mute || "" },
      actions,
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { open, mute } = event.notification.data ?? {};
  const url = event.action === "mute" && mute ? mute : open || "/alerts";
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((pages) => {
      // A page of ours that is open goes there; a link that mutes opens beside it.
      const page = event.action === "mute" ? undefined : pages.find((one) => "navigate" in one);
      const target = new URL(url, self.location.origin).href;
      return page && target.startsWith(self.location.origin)
        ? page.focus().then((one) => one.navigate(target).catch(() => self.clients.openWindow(target)))
        : self.clients.openWindow(target);
    }),
  );
});

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
