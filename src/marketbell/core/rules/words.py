"""A rule, a screen or an expression in plain words: what a person reads before arming, and in a reason.

Everything follows from the tree; numbers have thousands separators, times of day stay in the venue's own clock.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import known
from marketbell.core.language.defaults import effective
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.fields import FieldType
from marketbell.core.language.printer import print_action, print_minute
from marketbell.core.language.tree import (
    ChannelRef,
    Cooldown,
    ExpiresAfter,
    ExpiresOn,
    Fire,
    Rearm,
    Rule,
    Scope,
    ScopeKind,
    Screen,
    Timing,
    TimingKind,
)
from marketbell.core.market.session import SECOND
from marketbell.core.market.timeframe import TICK, Timeframe

_LONG = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "q": "quarter", "y": "year"}
_EACH = {"d": "daily", "w": "weekly", "mo": "monthly"}
_RELATIONS = {
    ">": "is above",
    ">=": "is at or above",
    "<": "is under",
    "<=": "is at or under",
    "=": "is",
    "!=": "is not",
}
_SIGNS = {"+": " + ", "-": " − ", "*": " × ", "/": " / "}
_NAMES = {
    "close": "the price",
    "open": "the open",
    "high": "the high",
    "low": "the low",
    "volume": "the volume",
    "turnover": "the turnover",
    "change": "the change",
    "change_pct": "the change",
    "day.open": "the day's open",
    "day.high": "the day's high",
    "day.low": "the day's low",
    "day.volume": "the day's volume",
    "prev_day.close": "the previous close",
    "high_52w": "the 52-week high",
    "low_52w": "the 52-week low",
    "fund.promoter_holding": "the promoters' share",
    "fund.pledged_pct": "the pledged share",
    "fund.fii_holding": "the FIIs' share",
    "fund.dii_holding": "the DIIs' share",
    "fund.public_holding": "the public's share",
}
"""Fields whose heading in a table makes no good word in a sentence."""
_CHANNELS = {
    "in_app": "in the app",
    "webhook": "by webhook",
    "slack": "on Slack",
    "telegram": "on Telegram",
    "whatsapp": "on WhatsApp",
    "discord": "on Discord",
    "teams": "on Teams",
    "sms": "by SMS",
    "mail": "by mail",
    "email": "by e-mail",
    "push": "by push message",
    "voice": "by phone",
    "apprise": "by Apprise",
}
_UPDATES = {
    "chain": "the option chain",
    "shareholding": "the shareholding",
    "fundamentals": "the fundamentals",
    "news": "the news",
}
_CRORE = 10_000_000
_COMPACT = 1_000_000_000
_WORD = re.compile(r"[A-Z][a-z]")


# --- numbers and lengths -------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """`1,600`, `28.4`, `500 Cr`: at most six digits behind the point, without trailing zeros."""
    if abs(value) >= _COMPACT and round(value / _CRORE, 2) == value / _CRORE:
        return f"{number(value / _CRORE)} Cr"
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def value(value: float | None, kind: str | None) -> str:
    """A value by its type in the language; `unknown` for None."""
    if value is None:
        return "unknown"
    if kind == FieldType.BOOL:
        return "true" if value else "false"
    if kind == FieldType.PRICE:
        text = _trimmed(value, 2 if abs(value) >= 1 else 4)
        return text + "0" if text[-2:-1] == "." else text  # 346.20, but 2,000
    if kind == FieldType.PERCENT:
        return f"{_trimmed(value, 2)}%"
    if kind in {FieldType.MONEY, FieldType.COUNT}:
        return number(round(value, 2)) if abs(value) < _COMPACT else f"{number(round(value / _CRORE, 2))} Cr"
    return _trimmed(value, 2 if abs(value) >= 1 else 4)


def _trimmed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def length(nanoseconds: int) -> str:
    """`10 minutes`, `1 hour`, `90 seconds`."""
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if nanoseconds % (size * SECOND) == 0:
            return _counted(nanoseconds // (size * SECOND), _LONG[unit])
    return _counted(nanoseconds / SECOND, "second")


def _counted(count: float, noun: str) -> str:
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


def span(one: ex.Span) -> str:
    """`5 bars`, `10 minutes`."""
    return _counted(one.amount, "bar" if one.unit == ex.BARS else _LONG[one.unit])


def bar(timeframe: Timeframe) -> str:
    """`15-minute`, `daily`, `2-day`."""
    if timeframe.count == 1 and timeframe.unit in _EACH:
        return _EACH[timeframe.unit]
    return f"{timeframe.count}-{_LONG.get(timeframe.unit, timeframe.unit)}"


# --- values --------------------------------------------------------------------------------------------------------


def name(node: ex.Expression) -> str:
    """What a value is called: `the price`, `RSI 14 (15m)`, `the highest high of 252 bars`, `P/E`."""
    writer = _VALUES.get(type(node))
    return writer(node) if writer is not None else print_expression(node)


def _field(node: ex.Field) -> str:
    said = _plain_field(node.name)
    return said if node.symbol is None else f"{said} of {node.symbol.name}"


def _plain_field(name_: str) -> str:
    if name_ in _NAMES:
        return _NAMES[name_]
    field = known(name_)
    label = name_ if field is None else field.label
    return label[0].lower() + label[1:] if _WORD.match(label) else label


def _call(node: ex.Call, member: str = "") -> str:
    special = _CALLS.get(node.name)
    said = special(node, member) if special is not None else _plain_call(node, member)
    return said if node.symbol is None else f"{said} of {node.symbol.name}"


def _plain_call(node: ex.Call, member: str) -> str:
    if known(node.name) is not None and node.name not in SERIES:  # a field with settings
        settings = ", ".join(name(one) for one in (*node.arguments, *(given for _, given in node.named)))
        return f"{_plain_field(node.name)} ({settings})" if settings else _plain_field(node.name)
    series = [one for one in node.arguments if not isinstance(one, (ex.Number, ex.Percent, ex.Duration))]
    plain: list[ex.Expression] = [one for one in node.arguments if one not in series]
    plain += [one for _, one in node.named]
    words = [node.name.upper()]
    if member:
        words.append(member)
    numbers = ", ".join(name(one) for one in plain)
    if numbers:
        words.append(numbers if len(plain) == 1 else f"({numbers})")
    said = " ".join(words)
    signature = SERIES.get(node.name)
    default = signature.default_x if signature is not None else ""
    others = [one for one in series if not (isinstance(one, ex.Field) and one.name == default)]
    return f"{said} of {' and '.join(name(one) for one in others)}" if others else said


def _window(words: str) -> Callable[[ex.Call, str], str]:
    def write(node: ex.Call, member: str) -> str:
        if len(node.arguments) == 2 and isinstance(node.arguments[1], ex.Number) and not node.named:
            x, n = name(node.arguments[0]), _counted(node.arguments[1].value, "bar")
            return words.format(x=x.removeprefix("the "), n=n)
        return _plain_call(node, member)

    return write


def _orb(node: ex.Call, member: str) -> str:
    if len(node.arguments) == 1 and isinstance(node.arguments[0], ex.Duration):
        first = span(ex.Span(node.arguments[0].amount, node.arguments[0].unit))
        return f"the {member or 'range'} of the first {first}"
    return _plain_call(node, member)


def _across(words: str) -> Callable[[ex.Call, str], str]:
    def write(node: ex.Call, _: str) -> str:
        of = next((one for one in node.arguments if not isinstance(one, ex.Universe)), None)
        among = next((one.name for one in node.arguments if isinstance(one, ex.Universe)), "")
        return words.format(x=clause(of) if of is not None else "", universe=among)

    return write


_CALLS: dict[str, Callable[[ex.Call, str], str]] = {
    "highest": _window("the highest {x} of {n}"),
    "lowest": _window("the lowest {x} of {n}"),
    "sum": _window("the sum of {x} over {n}"),
    "change": _window("the change of {x} over {n}"),
    "pct_change": _window("the change of {x} over {n}"),
    "orb": _orb,
    "rank": _across("the rank by {x} in {universe}"),
    "pct_of": _across("the share of {universe} where {x}"),
    "avg_of": _across("the mean of {x} over {universe}"),
    "abs": lambda node, _: f"the size of {name(node.arguments[0])}",
    "live": lambda node, _: f"{name(node.arguments[0])} so far",
    "days_to": lambda node, _: f"days to {' '.join(_word(given) for _, given in node.named) or 'the event'}",
}


def _word(node: ex.Expression) -> str:
    return node.value if isinstance(node, ex.Text) else name(node)


def _offset(node: ex.Offset) -> str:
    before = _counted(node.amount, "bar" if node.unit == ex.BARS else _LONG[node.unit])
    return f"{name(node.of)} {before} before"


def _chain(node: ex.Chain) -> str:
    said = _operand(node.operands[0])
    for operator, operand in zip(node.operators, node.operands[1:], strict=True):
        said += _SIGNS[operator] + _operand(operand)
    return said


def _operand(node: ex.Expression) -> str:
    return f"({name(node)})" if isinstance(node, ex.Chain) else name(node)


def _at(node: ex.At) -> str:
    return f"{_operand(node.of)} ({node.timeframe})"


_VALUES: dict[type[ex.Expression], Callable[[Any], str]] = {
    ex.Number: lambda node: number(node.value),
    ex.Percent: lambda node: f"{number(node.value)}%",
    ex.Duration: lambda node: span(ex.Span(node.amount, node.unit)),
    ex.Text: lambda node: node.value.replace("_", " "),
    ex.Field: _field,
    ex.Call: _call,
    ex.Member: lambda node: _call(node.of, node.name) if isinstance(node.of, ex.Call) else print_expression(node),
    ex.Offset: _offset,
    ex.At: _at,
    ex.Chain: _chain,
    ex.Negative: lambda node: f"−{_operand(node.of)}",
    ex.Universe: lambda node: node.name,
}


# --- conditions ----------------------------------------------------------------------------------------------------


def clause(node: ex.Expression) -> str:
    """A condition: `RSI 14 (15m) crosses below 30 and the price is above SMA 200 (1d)`. A value is its name."""
    writer = _CONDITIONS.get(type(node))
    return writer(node) if writer is not None else name(node)


def _logic(node: ex.Logic) -> str:
    said = [f"({clause(one)})" if isinstance(one, ex.Logic) else clause(one) for one in node.parts]
    return f" {node.operator} ".join(said)


def _crosses(node: ex.Crosses) -> str:
    direction = "" if node.direction == "either" else f" {node.direction}"
    return f"{name(node.left)} crosses{direction} {name(node.right)}"


def _held(node: ex.Expression) -> str:
    return f"({clause(node)})" if isinstance(node, ex.Logic) else clause(node)


_CONDITIONS: dict[type[ex.Expression], Callable[[Any], str]] = {
    ex.Comparison: lambda node: f"{name(node.left)} {_RELATIONS[node.operator]} {name(node.right)}",
    ex.Between: lambda node: f"{name(node.of)} is between {name(node.low)} and {name(node.high)}",
    ex.In: lambda node: f"{name(node.of)} is one of {', '.join(name(one) for one in node.choices)}",
    ex.Crosses: _crosses,
    ex.Passes: lambda node: f"{name(node.of)} {node.verb} {name(node.low)} to {name(node.high)}",
    ex.Moves: lambda node: f"{name(node.of)} {node.verb} by {name(node.by)} within {span(node.within)}",
    ex.Trend: lambda node: f"{name(node.of)} is {node.direction}",
    ex.Known: lambda node: f"{name(node.of)} is known",
    ex.Not: lambda node: f"not ({clause(node.of)})",
    ex.Logic: _logic,
    ex.HeldFor: lambda node: f"{_held(node.of)} for {span(node.span)}",
    ex.Seen: lambda node: f"{_held(node.of)} at some time in the last {span(node.span)}",
    ex.Then: lambda node: f"{_held(node.first)}, then {_held(node.second)} within {span(node.within)}",
    ex.Truth: lambda node: "always" if node.value else "never",
}


# --- rules and screens ---------------------------------------------------------------------------------------------


def sentence(tree: Rule | Screen) -> str:
    """The whole in one sentence: `When the price of INFY crosses above 1,600, tell me in the app, once`, and a stop."""
    return _screen_sentence(tree) if isinstance(tree, Screen) else _rule_sentence(tree)


def _rule_sentence(rule: Rule) -> str:
    whole = effective(rule)
    condition = clause(rule.when)
    only = rule.on[0] if len(rule.on) == 1 and rule.on[0].kind is ScopeKind.SYMBOL else None
    if only is not None and condition.startswith("the price ") and not condition.startswith("the price of "):
        head = f"When the price of {only.name} {condition.removeprefix('the price ')}"
    elif only is not None:
        head = f"When {condition} for {only.name}" if not _is_foreign(rule.when) else f"When {condition}"
    else:
        head = f"When, for {scopes(rule.on)}, {condition}"
    if rule.hold:
        head += f" for at least {length(rule.hold)}"
    parts = [head]
    if rule.where is not None:
        parts.append(f"only where {clause(rule.where)}")
    if whole.at is not None and (said := timing(whole.at)):
        parts.append(said)
    parts.append(_tell(rule))
    parts += _often(whole)
    parts += _life(rule)
    return ", ".join(parts) + "."


def _is_foreign(node: ex.Expression) -> bool:
    """True where every field says itself whose it is."""
    named = [one.symbol for one in ex.walk(node) if isinstance(one, (ex.Field, ex.Call))]
    return bool(named) and any(one is not None for one in named)


def scopes(on: Iterable[Scope]) -> str:
    """`INFY or a stock of NIFTY500`."""
    return " or ".join(_scope(one) for one in on)


def _scope(one: Scope) -> str:
    words = {
        ScopeKind.SYMBOL: one.name,
        ScopeKind.NAMED: f"a stock of {one.name}",
        ScopeKind.WATCHLIST: f"a stock of the watchlist “{one.name}”",
        ScopeKind.SCREEN: f"a stock in the screen “{one.name}”",
        ScopeKind.PORTFOLIO: "a position of yours",
        ScopeKind.ALL: "any instrument",
    }
    return words[one.kind]


def timing(at: Timing) -> str:
    """`looked at each 15-minute close`; nothing for ticks."""
    if at.kind is TimingKind.CLOSE and at.timeframe is not None and at.timeframe != TICK:
        return f"looked at each {bar(at.timeframe)} close"
    if at.kind is TimingKind.LIVE and at.timeframe is not None:
        return f"looked at while each {bar(at.timeframe)} bar forms"
    if at.kind is TimingKind.UPDATE:
        return f"looked at when {_UPDATES.get(at.word, at.word)} changes"
    return f"looked at by the schedule “{at.word}”" if at.kind is TimingKind.SCHEDULE else ""


def _tell(rule: Rule) -> str:
    channels = list(dict.fromkeys(["in the app", *(_channel(one) for one in rule.notify)]))
    said = channels[0] if len(channels) == 1 else f"{', '.join(channels[:-1])} and {channels[-1]}"
    important = {"high": " as urgent", "low": " quietly"}.get(rule.severity or "", "")
    fallback = f", or {_channel(rule.fallback)} where that fails" if rule.fallback is not None else ""
    return f"tell me{important} {said}{fallback}"


def _channel(channel: ChannelRef) -> str:
    said = _CHANNELS.get(channel.kind, f"by {channel.kind}")
    return f"{said} ({channel.target})" if channel.target else said


def _often(rule: Rule) -> list[str]:
    fire = rule.fire or Fire.BAR
    found = [_FIRES[fire] if fire is not Fire.BAR else _once_a_bar(rule.at)]
    rearm = rule.rearm or Rearm("false")
    if rearm.when is not None:
        found.append(f"ready again when {clause(rearm.when)}")
    elif rearm.kind == "after":
        found.append(f"ready again after {length(rearm.after)}")
    elif rearm.kind == "never" and fire is not Fire.ONCE:
        found.append("never again")
    if rule.cooldown is not None:
        found.append(_rest(rule.cooldown))
    return found


_FIRES = {
    Fire.ONCE: "once",
    Fire.DAY: "at most once a day",
    Fire.SESSION: "at most once a session",
    Fire.EVERY: "every time",
    Fire.ENTER: "when it begins",
    Fire.EXIT: "when it ends",
    Fire.CHANGE: "when it begins and when it ends",
}


def _once_a_bar(at: Timing | None) -> str:
    if at is None or at.kind is TimingKind.TICK:
        return "at most once a minute"
    if at.timeframe is None or at.timeframe.is_instant:
        return "each time"
    if at.timeframe.count == 1 and at.timeframe.unit in {"d", "w", "mo"}:
        return f"at most once a {_LONG[at.timeframe.unit]}"
    return f"at most once per {bar(at.timeframe)} bar"


def _rest(cooldown: Cooldown) -> str:
    whose = "this rule" if cooldown.per == "rule" else "one instrument"
    return f"with at least {length(cooldown.duration)} between two of {whose}"


def _life(rule: Rule) -> list[str]:
    found = []
    if rule.limit is not None:
        found.append(f"at most {number(rule.limit)} a day")
    if rule.session is not None:
        window = rule.session
        found.append(f"only from {print_minute(window.start)} to {print_minute(window.end)} ({window.venue})")
    if isinstance(rule.expires, ExpiresAfter):
        found.append(f"for {length(rule.expires.duration)}")
    elif isinstance(rule.expires, ExpiresOn):
        found.append(f"until {rule.expires.day.day} {rule.expires.day:%B %Y}")
    if rule.stale == "hold":
        found.append("a missing value counts as its last one")
    elif rule.stale == "fire":
        found.append("also where a value is missing")
    if rule.digest is not None:
        found.append(f"gathered in one message every {length(rule.digest).removeprefix('1 ')}")
    if rule.action is not None:
        found.append(f"and do {print_action(rule.action)} in the paper account")
    return found


def _screen_sentence(screen: Screen) -> str:
    parts = [f"{_whole_scopes(screen.on)} where {clause(screen.when)}"]
    if screen.where is not None:
        parts.append(f"only where {clause(screen.where)}")
    if screen.order_by is not None:
        parts.append(f"by {name(screen.order_by)}, {'highest' if screen.is_descending else 'lowest'} first")
    if screen.limit is not None:
        parts.append(f"at most {number(screen.limit)}")
    said = ", ".join(parts)
    return said[0].upper() + said[1:] + "."


def _whole_scopes(on: Iterable[Scope]) -> str:
    words = {
        ScopeKind.NAMED: "stocks of {}",
        ScopeKind.WATCHLIST: "stocks of the watchlist “{}”",
        ScopeKind.SCREEN: "stocks in the screen “{}”",
        ScopeKind.PORTFOLIO: "positions of yours",
        ScopeKind.ALL: "instruments",
        ScopeKind.SYMBOL: "{}",
    }
    return " and ".join(words[one.kind].format(one.name) for one in on)
