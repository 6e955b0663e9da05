"""Why and why not, live: whoever has the instrument answers, from what its engine has."""

from typing import Any

import orjson
from tests.core.rules import market as m

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.core.columns.frame import FrameKind
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.session import SECOND
from marketbell.core.rules.arming import arm_command
from marketbell.flows.stream.reasons import ReasonDesk
from marketbell.ports.reasons import FORGET_S, HAVE, WANTS, ReasonRequest

RULE = 'alert "a" on $NSE:A when close > 100 and volume > 5 at tick'
LEVEL = 'alert "b" on $NSE:A when close crosses above 110 at tick fire once'


class Desk:
    def __init__(self, *rules: str, owned: tuple[str, ...] = m.KEYS) -> None:
        self.clock = ManualClock(m.OPEN)
        self.cache = MemoryCache(self.clock.monotonic)
        self.engine = m.new()
        for text in rules:
            command = arm_command(parse_rule(text), m.INSTRUMENTS[0], "owner", 1)
            self.engine.apply([m.frame(FrameKind.COMMAND, command)])
        self.desk = ReasonDesk(self.cache, self.clock, {m.IDS[key] for key in owned}.__contains__)

    def ask(self, rule: str, key: str = "NSE:A") -> dict[str, Any] | None:
        request = ReasonRequest(parse_rule(rule).rule_uid, m.IDS[key], key, self.clock.now(), "n")
        self.cache.put_fields(WANTS, {"n": orjson.dumps(request.as_dict())})
        self.desk.step()
        self.desk.answer([self.engine])
        self.desk.step()
        found = self.cache.get(HAVE + "n")
        return None if found is None else orjson.loads(found)


def test_a_rule_says_what_is_false_by_the_engines_values() -> None:
    desk = Desk(RULE)
    desk.engine.apply_trades(m.ticks([("NSE:A", 1, 105.0)]))
    found = desk.ask(RULE)
    assert found is not None
    assert (found["truth"], found["state"]) == (False, "idle")
    assert [(one["text"], one["truth"]) for one in found["clauses"]] == [("close > 100", True), ("volume > 5", False)]
    assert found["first_false"]["distance"] == 4.0
    assert found["evaluated_at"] == m.OPEN + SECOND
    assert desk.cache.fields(WANTS) == {}


def test_a_level_says_how_far_the_price_is() -> None:
    desk = Desk(LEVEL)
    desk.engine.apply_trades(m.ticks([("NSE:A", 1, 104.0)]))
    found = desk.ask(LEVEL)
    assert found is not None
    assert (found["state"], found["first_false"]["distance"]) == ("idle", 6.0)


def test_what_cannot_be_said_is_said_so() -> None:
    desk = Desk(RULE, LEVEL)
    assert desk.ask(RULE, "NSE:B") == {"error": "the rule is not about this instrument"}
    assert desk.ask(LEVEL, "NSE:B") == {"error": "the rule is not about this instrument"}
    assert desk.ask(RULE.replace('"a"', '"c"')) == {"state": "waiting"}


def test_only_who_has_the_instrument_answers_and_old_questions_are_forgotten() -> None:
    desk = Desk(RULE, owned=("NSE:B",))
    assert desk.ask(RULE) is None
    assert list(desk.cache.fields(WANTS)) == ["n"]
    desk.clock.move(FORGET_S + 1)
    desk.desk.step()
    assert desk.cache.fields(WANTS) == {}


def test_what_is_not_known_yet_says_from_when_on_it_may_be() -> None:
    text = 'alert "c" on $NSE:A when sma(close, 6)@15m > 5 and close > 1 at 15m close'
    desk = Desk(text)
    desk.engine.apply([m.heartbeat(-60)])
    desk.engine.apply_trades(m.ticks([("NSE:A", 60.0 * n, 105.0) for n in range(35)]))
    found = desk.ask(text)
    assert found is not None
    (missing,) = found["missing"]
    assert missing["reason"] == (
        "it has seen 2 of the 6 bars of 15m that it needs; at the earliest it is known on 26 Apr 2021 at 10:45"
    )


def test_bars_that_no_session_has_room_for_wait_for_the_next() -> None:
    far = 'alert "d" on $NSE:A when sma($NSE:A.close / $NSE:B.close, 3)@1h > 5 at 1h close'
    desk = Desk(far)
    desk.engine.apply([m.heartbeat(-60)])
    desk.engine.apply_trades(m.ticks([(key, 60.0 * n, 105.0) for n in range(62) for key in ("NSE:A", "NSE:B")]))
    desk.engine.apply([m.heartbeat(62 * 60 + 5)])
    found = desk.ask(far)
    assert found is not None
    (missing,) = found["missing"]
    assert missing["reason"] == (
        "it has seen 1 of the 3 bars of 1h that it needs; at the earliest it is known on 27 Apr 2021 at 10:15"
    )
