"""What a person reads about a firing. The first line alone says everything that matters."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketbell.core.market.instrument import Instrument
from marketbell.core.rules import words
from marketbell.flows.alerting.signing import NO_LINKS, Links
from marketbell.ports.ledger import Firing
from marketbell.ports.notifiers import Message

ZONES = {"XNSE": "Asia/Kolkata", "XBOM": "Asia/Kolkata", "XNYS": "America/New_York", "XNAS": "America/New_York"}
"""Where a person of that venue looks at the clock; other venues are told in UTC."""

LATE = "LATE: "
LONGEST_CONDITION = 90
"""Characters of a condition that a first line still carries."""
OLD_NS = 86_400 * 1_000_000_000


def compose(firing: Firing, instrument: Instrument | None, link_base: str, links: Links = NO_LINKS) -> dict[str, Any]:
    """Title, body, link and facts of a firing, as kept with its deliveries (plain values).

    What a watchdog raised is about no instrument: its sentence is the title.
    """
    known = instrument or Instrument(firing.instrument)
    symbol = known.symbol or firing.instrument
    moment = told_time(firing.event_time, known.calendar if firing.instrument else "")
    lines = [f"Rule: {firing.rule}"]
    if firing.instrument:
        lines.append(
            f"Instrument: {firing.instrument}" + (f" ({known.name})" if known.name not in {"", symbol} else "")
        )
    sentence = str(firing.values.get("sentence") or "")
    if sentence:
        lines.append(f"Why: {sentence}")
    previous = firing.values.get("previous")
    if isinstance(previous, (int, float)):
        lines.append(f"Before: {_shown(firing, previous, known.tick_size)}")
    lines.append(f"Market time: {moment}")
    recorded = told_time(firing.recorded_at, "") if firing.recorded_at else ""
    if recorded:
        lines.append(f"Recorded: {recorded}")
    if firing.recorded_at - firing.event_time > OLD_NS:
        lines.append("The market time lies in the past: these are recorded data, not the market of today.")
    if known.is_simulated:
        lines.append("This is a simulated market: no real prices.")
    sign = (firing.owner_id, firing.firing_id, firing.recorded_at)
    actions = [("Acknowledge", links.url("ack", *sign)), ("Snooze for a day", links.url("snooze", *sign))]
    return {
        "title": _title(firing, known, symbol, moment),
        "body": "\n".join(lines),
        "symbol": symbol,
        "link": f"{link_base.rstrip('/')}/alerts?firing={quote(firing.firing_id)}" if link_base else "",
        "link_mute": links.url("mute", *sign),
        "actions": [[words, url] for words, url in actions if url],
        "facts": {
            "firing_id": firing.firing_id,
            "rule_uid": firing.rule_uid,
            "rule": firing.rule,
            "instrument": firing.instrument,
            "event_time": iso(firing.event_time),
            "recorded_at": iso(firing.recorded_at) if firing.recorded_at else None,
            "is_simulated": known.is_simulated,
            "values": firing.values,
            "event": firing.event,
            "severity": firing.severity,
            "version": firing.version,
        },
    }


def _title(firing: Firing, known: Instrument, symbol: str, moment: str) -> str:
    marks = ("SIMULATED " if known.is_simulated else "") + ("URGENT " if firing.severity == "high" else "")
    if not firing.instrument:
        return f"{marks}{firing.values.get('sentence') or firing.rule} at {moment}"
    value = firing.values.get("value")
    price = f": {_shown(firing, value, known.tick_size)}" if isinstance(value, (int, float)) else ""
    return f"{marks}{symbol} {_condition(firing)}{price} at {moment}"


def announcement(firing: Firing, text: dict[str, Any], reason: str) -> dict[str, Any]:
    """The one message that says that a rule goes on without messages for the rest of the day."""
    return {
        **text,
        "title": f"{firing.rule}: no more messages today, {reason}",
        "body": f"It keeps watching, and the inbox shows every alert.\nThe first that is not told: {text['title']}",
        "actions": [],
        "facts": {**text["facts"], "kind": "limit"},
    }


def _condition(firing: Firing) -> str:
    """What happened, short enough for one line; a long condition goes by the rule's name."""
    condition = str(firing.values.get("condition", ""))
    said = condition if 0 < len(condition) <= LONGEST_CONDITION else firing.rule
    return f"no more: {said}" if firing.event == "exit" else said


def _shown(firing: Firing, value: float, tick_size: float) -> str:
    """The value that was compared: a price at its instrument's precision, anything else by its type."""
    terms = firing.values.get("terms")
    kind = str(terms[0].get("type", "price")) if isinstance(terms, list) and terms else "price"
    return rounded(value, tick_size) if kind == "price" else words.value(value, kind)


def message(delivery_id: str, payload: dict[str, Any], *, late: bool) -> Message:
    """The message of a stored delivery; one that leaves late says so in its first word."""
    title, body = str(payload.get("title", "")), str(payload.get("body", ""))
    if payload.get("instead_of"):
        body = f"Sent here because {payload['instead_of']}\n{body}"
    return Message(
        delivery_id=delivery_id,
        title=LATE + title if late else title,
        body=body,
        link=str(payload.get("link", "")),
        facts={**payload.get("facts", {}), "is_late": late},
        link_mute=str(payload.get("link_mute", "")),
        lines=tuple(str(line) for line in payload.get("lines", ())),
        actions=tuple((str(words), str(url)) for words, url in payload.get("actions", ())),
    )


def told_time(moment: int, calendar: str) -> str:
    """`2021-04-28 10:15:03 IST`: the venue's clock with its zone."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment // 1_000)
    try:
        local = utc.astimezone(ZoneInfo(ZONES[calendar]))
    except (KeyError, ZoneInfoNotFoundError):
        local = utc
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def iso(moment: int) -> str:
    """ISO-8601 in UTC with milliseconds and Z."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment // 1_000)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rounded(value: float, tick_size: float) -> str:
    """A price at its instrument's precision."""
    step = Decimal(repr(tick_size)) if tick_size > 0 else Decimal("0.01")
    exponent = step.normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 2
    return format(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN), "f")
