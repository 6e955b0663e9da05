"""What a person waits for: why a rule does not fire, through the API; what it would have done in a year."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.rules.arming import arm_command
from marketbell.processes.cli.bench.ledger_parts import servers
from marketbell.processes.cli.bench.rows import BenchRow
from marketbell.processes.cli.bench.rules_engine import FRAME_TICKS, TICKS_PER_S, Market, commands, levels
from marketbell.wiring.api import ApiParts

ASKED = 60
WHY_MS = 200.0
STOCKS = 500
DAYS = 365
PREVIEW_S = 2.0
PREVIEWS = 5
_EVERY_S = 0.01
"""As often as the stream looks for questions."""
_YEAR = (
    "rsi(close, 14)@1d crosses below 30",
    "sma(close, 50)@1d crosses above sma(close, 200)@1d",
    "close > highest(high, 252)[1]@1d and volume > 2 * avg(volume, 20)@1d",
)


def rows(market: Market) -> Iterator[BenchRow]:
    """All rows of this module, with a real PostgreSQL and a real Valkey."""
    from marketbell.settings import Settings
    from marketbell.wiring.api import build_api

    with servers() as found:
        folder = found.folder / "data"
        parts = build_api(
            Settings(data_dir=folder, database_url=found.database, redis_url=found.valkey, cache_url=found.valkey)
        )
        try:
            yield from _why(parts, market)
            yield from _preview(parts, found.database)
        finally:
            parts.close()


# --- why ---------------------------------------------------------------------------------------------------


def _why(parts: ApiParts, market: Market) -> Iterator[BenchRow]:
    """Through the routes of the API, the cache and the stream's own desk, while ticks flow."""
    from marketbell.flows.stream.reasons import ReasonDesk
    from marketbell.processes.api.app import create_app

    parts.instruments.put(market.instruments)
    asked = _kept(parts.rules, market)
    client = create_app(parts).test_client()
    head = {"Authorization": f"Bearer {parts.owner_token}"}
    engine = market.engine
    desk = ReasonDesk(parts.cache, parts.clock, lambda ident: engine.row(ident) is not None)
    is_over = threading.Event()
    stream = threading.Thread(target=_stream, args=(market, desk, is_over), name="stream")
    beside = threading.Thread(target=_beside, args=(desk, is_over), name="reasons")
    took = []
    try:
        stream.start()
        beside.start()
        for uid, symbol in asked:
            began = time.perf_counter()
            reply = client.get(f"/api/rules/{uid}/why?instrument={symbol}", headers=head)
            took.append((time.perf_counter() - began) * 1_000)
            answer = reply.get_json()
            if reply.status_code != 200 or not answer["clauses"]:
                raise RuntimeError(f"{uid} on {symbol}: {answer}")
    finally:
        is_over.set()
        stream.join()
        beside.join()
    case = (
        f"why and why not through the API, {TICKS_PER_S:,} ticks/s, {market.rules:,} rules: {ASKED} rules × instruments"
    )
    later = took[1:]  # the first one imports the grammar's tables
    yield BenchRow(f"{case}: p50", "ms", float(np.median(later)), None, "")
    yield BenchRow(f"{case}: worst", "ms", max(later), WHY_MS, "200 ms allowed", 1.0, higher_is_better=False)


def _kept(rules: Any, market: Market) -> list[tuple[str, str]]:
    """Some of the market's rules and levels in the store, and whom to ask about: (uid, instrument)."""
    from marketbell.core.language.json_form import from_json
    from marketbell.core.language.tree import Rule
    from marketbell.flows.rules.service import described
    from marketbell.ports.stores import EVERYWHERE, LOCAL_OWNER, StoredRule

    some: list[tuple[dict[str, Any], str, dict[str, Any]]] = []
    for command in commands(ASKED // 2):
        tree = from_json(command["definition"])
        if not isinstance(tree, Rule):
            raise TypeError(command["rule_uid"])
        definition = command["definition"] | {"about": described(tree) | {"kind": "rule"}}
        some.append((command, f"NONE:{tree.on[0].name}", definition))
    for n, command in enumerate(levels(ASKED - len(some), market.instruments)):
        about = {"condition": "close", "universe": "", "timing": "tick", "severity": "normal", "sentence": ""}
        some.append((command, market.instruments[n].key, {"about": about | {"kind": "level"}}))
    for command, _, definition in some:
        uid = str(command["rule_uid"])
        stored = StoredRule(
            rule_uid=uid, owner_id=LOCAL_OWNER, name=uid, text=uid, definition=definition, created_at=time.time_ns()
        )
        rules.arm(stored, EVERYWHERE, command)
    return [(str(command["rule_uid"]), key) for command, key, _ in some]


def _stream(market: Market, desk: Any, is_over: threading.Event) -> None:
    """What the stream's thread does between two questions: a frame at its time, then what was asked."""
    began, number = time.perf_counter(), 0
    while not is_over.is_set():
        for part in market.frames(1):
            market.engine.apply_trades(part)
            desk.answer([market.engine])
            number += 1
            wait = began + number * FRAME_TICKS / TICKS_PER_S - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            if is_over.is_set():
                return


def _beside(desk: Any, is_over: threading.Event) -> None:
    while not is_over.is_set():
        if not desk.step():
            is_over.wait(_EVERY_S)


# --- a year ---------------------------------------------------------------------------------------------------


def _preview(parts: ApiParts, database: str) -> Iterator[BenchRow]:
    """Rules over a year of stored days, read from PostgreSQL, evaluated, and counted."""
    from marketbell.wiring.calendars import calendars
    from marketbell.wiring.preview import build_preview

    market = [Instrument(f"NSE:Y{n:03d}", calendar="XNSE") for n in range(STOCKS)]
    table = calendars().sessions("XNSE")
    until = int(table.close[np.searchsorted(table.open, time.time_ns()) - 1])
    opens = np.asarray(table.open)
    opens = opens[(opens < until) & (opens >= until - (DAYS + 400) * 86_400 * 10**9)]
    parts.instruments.put(market)
    parts.bars.put("1d", _days(market, opens))
    keys = [one.key for one in market]
    for text in _YEAR:
        command = arm_command(parse_rule(f'alert "y" on ALL when {text}'), None, "owner")
        asked = {"command": command, "keys": keys, "days": DAYS, "until": until, "shown": []}
        took, used, fires = [], [], 0
        for _ in range(PREVIEWS):
            preview = build_preview({"database_url": database})
            began, before = time.perf_counter(), time.process_time()
            fires = preview(asked, lambda *_: None)["fires"]
            took.append(time.perf_counter() - began)
            used.append(time.process_time() - before)
        if not fires:
            raise RuntimeError(f"nothing fired in a year: {text}")
        case = f"a year of days × {STOCKS} instruments, bars read from PostgreSQL, {fires:,} firings: {text}"
        yield BenchRow(case, "s", float(np.median(took)), PREVIEW_S, "2 s allowed", 1.0, higher_is_better=False)
        yield BenchRow(f"{case}, CPU time", "s CPU", float(np.median(used)), None, "")


def _days(market: list[Instrument], opens: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    count = len(market) * len(opens)
    walk = 100 * np.exp(np.cumsum(rng.normal(0, 0.018, (len(market), len(opens))), axis=1)).ravel()
    close = np.round(walk, 2)
    return {
        "instrument_id": np.repeat([int(one.instrument_id) for one in market], len(opens)),
        "start": np.tile(opens, len(market)),
        "open": close,
        "high": np.round(close * 1.01, 2),
        "low": np.round(close * 0.99, 2),
        "close": close,
        "volume": np.round(rng.lognormal(12, 0.8, count)),
        "trades": np.ones(count, np.int64),
        "vwap": close,
    }
