"""What becomes of a message is seen and dealt with by people: dead letters, channels, acks, silences, quiet hours."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from harness import AXE_RULES, WCAG, System, axe_in_both_themes, choose, until
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

FADES_MS = 400


class Receiver:
    """Takes messages, or refuses them with a status."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.status = 200
        self.taken: list[str] = []
        """Idempotency keys of what it took, in order."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """A webhook of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if made.status < 300:
                made.taken.append(self.headers["Idempotency-Key"])
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def lost(demo: System, receiver: Receiver) -> dict[str, Any]:
    """An alert whose message the receiver refused for good."""
    receiver.status = 404
    stock = demo.active(1)[0]
    with demo.api as client:
        channel = {"kind": "webhook", "name": "ops", "config": {"url": receiver.url}, "is_enabled": True}
        client.post("/api/channels", json=channel).raise_for_status()
        text = f'alert "Lost" on ${stock["instrument"]} when close > 1 at tick fire once notify webhook:ops'
        client.post("/api/rules", json={"text": text}).raise_for_status()

    def died() -> dict[str, Any] | None:
        letters: list[dict[str, Any]] = demo.get("/api/dead-letters")["items"]
        return letters[0] if letters else None

    return until(died, 120, "the dead letter")


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("heading", level=1).first.wait_for(timeout=30_000)
    expect(page.get_by_role("button", name=re.compile("^Live"))).to_be_visible(timeout=30_000)
    expect(page.get_by_role("status", name="Loading")).to_have_count(0, timeout=30_000)


def faults(page: Page, rules: list[str] = AXE_RULES) -> list[str]:
    """What axe finds once no notice is there: one that fades away is pale for a moment."""
    expect(page.locator(".mantine-Notification-root")).to_have_count(0, timeout=30_000)
    return axe_in_both_themes(page, rules)


def test_a_dead_letter_is_sent_again_once_its_receiver_is_mended(
    demo: System, receiver: Receiver, lost: dict[str, Any], page: Page
) -> None:
    choose(page, demo.url, mode="advanced", theme="dark")
    open_page(page, f"{demo.url}/alerts?state=dead")
    entry = page.get_by_role("region", name="Inbox").get_by_role("listitem").filter(has_text="Lost").first
    expect(entry).to_contain_text(re.compile(r"not delivered.*404"))
    assert faults(page) == []

    open_page(page, f"{demo.url}/health")
    letters = page.get_by_role("region", name="Dead letters")
    row = letters.get_by_role("row").filter(has_text="Lost")
    expect(row).to_contain_text("404", timeout=20_000)
    assert faults(page) == []
    receiver.status = 200
    row.get_by_role("button", name=re.compile("^Send again")).click()
    expect(letters).to_contain_text("One message goes out again.", timeout=20_000)
    expect(row).to_have_count(0, timeout=30_000)
    until(lambda: lost["delivery_id"] in receiver.taken or None, 60, "the message")
    assert receiver.taken.count(lost["delivery_id"]) == 1

    open_page(page, f"{demo.url}/alerts")
    expect(entry).to_contain_text(re.compile(r"ops sent \d\d:\d\d"), timeout=30_000)
    entry.get_by_role("button", name=re.compile("^More for")).click()
    page.get_by_role("menuitem", name="What happened to this alert").click()
    story = page.get_by_role("dialog", name="What happened to this alert").get_by_role("list", name="Story")
    told = story.get_by_role("listitem")
    for at, words in enumerate(("Given up", "Sent again by hand", "Sent: the other side took it")):
        expect(told.filter(has_text=words)).to_have_count(1, timeout=20_000)
        page.wait_for_timeout(0 if at else FADES_MS)
    titles = told.locator("b").all_inner_texts()
    assert titles.index("Given up") < titles.index("Sent again by hand") < titles.index("Sent: the other side took it")
    assert faults(page, WCAG) == []


def test_an_alert_is_seen_put_off_and_watched_again(demo: System, lost: dict[str, Any], page: Page) -> None:
    choose(page, demo.url, mode="beginner")
    open_page(page, f"{demo.url}/alerts?rule={lost['rule_uid']}")
    entry = page.get_by_role("region", name="Inbox").get_by_role("listitem").filter(has_text="Lost").last
    entry.get_by_role("button", name=re.compile("^Got it")).click()
    expect(entry).to_contain_text("seen, quiet until", timeout=20_000)
    entry.get_by_role("button", name=re.compile("^Remind me later")).click()
    page.get_by_role("menuitem", name="15 minutes").click()
    expect(entry).to_contain_text("snoozed until", timeout=20_000)
    entry.get_by_role("button", name=re.compile("^Watch again")).click()
    expect(entry).not_to_contain_text("snoozed until", timeout=20_000)
    expect(entry.get_by_role("button", name=re.compile("^Got it"))).to_be_visible()


def test_several_alerts_are_dealt_with_by_keys(demo: System, lost: dict[str, Any], page: Page) -> None:
    choose(page, demo.url, mode="intermediate")
    open_page(page, f"{demo.url}/alerts?rule={lost['rule_uid']}")
    page.keyboard.press("j")
    page.keyboard.press("x")
    chosen = page.get_by_role("toolbar", name="The chosen alerts")
    expect(chosen).to_contain_text("1 chosen")
    chosen.get_by_role("button", name=re.compile("^Snooze")).click()
    page.get_by_role("menuitem", name="1 hour").click()
    expect(chosen).to_have_count(0, timeout=20_000)
    expect(page.get_by_role("region", name="Inbox")).to_contain_text("snoozed until", timeout=20_000)


def test_a_channel_is_made_tried_changed_and_deleted(demo: System, receiver: Receiver, page: Page) -> None:
    choose(page, demo.url, mode="beginner", theme="light")
    open_page(page, f"{demo.url}/settings")
    panel = page.get_by_role("region", name="Where alerts go")
    panel.get_by_role("button", name="Add a channel").click()
    form = page.get_by_role("dialog", name="Add a channel").get_by_role("form", name="Channel")
    form.get_by_role("combobox", name="Kind").click()
    page.get_by_role("option", name="Webhook", exact=True).click()
    form.get_by_role("textbox", name="Name").fill("desk")
    form.get_by_role("button", name="Add the channel").click()
    expect(form).to_contain_text("This is needed.")
    page.wait_for_timeout(FADES_MS)
    assert faults(page, WCAG) == []
    form.get_by_role("textbox", name="Address").fill(receiver.url)
    form.get_by_role("textbox", name="Secret").fill("only once")
    form.get_by_role("button", name="Add the channel").click()
    row = panel.get_by_role("listitem").filter(has_text="desk")
    expect(row).to_contain_text("127.0.0.1/…", timeout=20_000)

    receiver.status = 500
    row.get_by_role("button", name="Test desk").click()
    expect(row).to_contain_text(re.compile("Not sent: .*500.*out of order"), timeout=30_000)
    receiver.status = 200
    row.get_by_role("button", name="Test desk").click()
    expect(row).to_contain_text("The test message was taken.", timeout=30_000)

    row.get_by_role("button", name="More for desk").click()
    page.get_by_role("menuitem", name="Change").click()
    change = page.get_by_role("dialog", name="Change desk").get_by_role("form", name="Channel")
    kept = change.get_by_role("textbox", name="Secret")
    expect(kept).to_have_value("")
    expect(kept).to_have_attribute("placeholder", re.compile("^kept"))
    change.get_by_role("textbox", name="Name").fill("night desk")
    change.get_by_role("button", name="Save the channel").click()
    renamed = panel.get_by_role("listitem").filter(has_text="night desk")
    expect(renamed).to_have_count(1, timeout=20_000)
    renamed.get_by_role("switch", name="night desk is used").press("Space")
    expect(renamed).to_contain_text("Off", timeout=20_000)
    (mine,) = [one for one in demo.get("/api/channels")["items"] if one["name"] == "night desk"]
    assert set(mine["filled"]) == {"url", "secret"}
    assert not mine["is_enabled"]

    renamed.get_by_role("button", name="More for night desk").click()
    page.get_by_role("menuitem", name="Delete").click()
    sure = page.get_by_role("dialog", name="Delete night desk?")
    expect(sure.get_by_role("button", name="Keep it")).to_be_focused()
    sure.get_by_role("button", name="Delete the channel").click()
    expect(renamed).to_have_count(0, timeout=20_000)


def test_a_rule_is_silenced_and_the_night_is_kept_quiet(demo: System, lost: dict[str, Any], page: Page) -> None:
    choose(page, demo.url, mode="intermediate", theme="dark")
    open_page(page, f"{demo.url}/alerts?rule={lost['rule_uid']}")
    entry = page.get_by_role("region", name="Inbox").get_by_role("listitem").filter(has_text="Lost").first
    entry.get_by_role("button", name=re.compile("^More for")).click()
    page.get_by_role("menuitem", name="Silence").click()
    form = page.get_by_role("dialog", name="Silence").get_by_role("form", name="New silence")
    form.get_by_role("textbox", name="Why").fill("holiday")
    page.wait_for_timeout(FADES_MS)
    assert faults(page, WCAG) == []
    form.get_by_role("button", name="Silence").click()
    expect(form).to_have_count(0, timeout=20_000)
    (made,) = demo.get("/api/silences")["items"]
    assert made["rule_uid"] == lost["rule_uid"]

    open_page(page, f"{demo.url}/settings")
    silences = page.get_by_role("region", name="Silences")
    row = silences.get_by_role("listitem").filter(has_text="holiday")
    expect(row).to_contain_text("“Lost”", timeout=20_000)
    night = page.get_by_role("form", name="Quiet hours and digests")
    night.get_by_role("switch", name="Quiet hours").click()
    expect(night).to_contain_text("from 22:00 to 07:00 of the next day")
    night.get_by_label("From").fill("21:30")
    night.get_by_role("button", name="Save").click()
    until(lambda: demo.get("/api/alerting/preferences")["quiet_from"] == "21:30" or None, 20, "the kept quiet hours")
    assert faults(page) == []
    night.get_by_role("switch", name="Quiet hours").click()
    night.get_by_role("button", name="Save").click()
    until(lambda: demo.get("/api/alerting/preferences")["quiet_from"] == "" or None, 20, "the end of quiet hours")
    row.get_by_role("button", name=re.compile("^End the silence")).click()
    expect(silences).to_contain_text("Nothing is silenced.", timeout=20_000)
