"""Rules: conditions with their clauses, ours beside three expression libraries; scaling; how long a firing takes."""

import numpy as np

from marketbell.core.engine.bars import Bars
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language.plan import Input, Node
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.rules import policy_kernel as k
from marketbell.core.rules.armed import armed
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.group import Group, Moment
from marketbell.processes.cli.bench import peer_rules as peer
from marketbell.processes.cli.bench import rules_asked, rules_engine
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
CONDITIONS = 100
PEER_EVALUATIONS = 2_000
RUNS = 5
SEED = 20_260_803
M5 = Timeframe("m", 5)


def run() -> list[BenchRow]:
    """All rows. RuntimeError where ours and the peers do not agree."""
    compound = _compound()
    market = rules_engine.Market()
    return [*compound, *rules_engine.rows(market), *rules_asked.rows(market), *rules_engine.many(market)]


# --- compound conditions ---------------------------------------------------------------------------------


class _Market:
    """Values of every series that the rules read, at one bar of each instrument."""

    def __init__(self, texts: list[str], count: int) -> None:
        self.texts = texts
        self.group = Group(M5, count)
        self.places: dict[tuple[object, ...], int] = {}
        self.names: dict[int, str] = {}
        rng = np.random.default_rng(SEED)
        rows = np.arange(count)
        for n, text in enumerate(texts):
            rule = parse_rule(f'alert "r{n}" on ALL when {text} at 5m close')
            found = armed(arm_command(rule, None, "owner"), lambda symbol: symbol.key)
            by_name = dict(found.cut.plan.results)
            place_of = {name: self._place(found.cut.plan.nodes, item) for name, item in by_name.items()}
            self.group.add(found, rows, place_of)
        price = rng.uniform(50, 5_000, count)
        made = {
            "close": price,
            "open": price * rng.uniform(0.98, 1.02, count),
            "high": price * 1.02,
            "low": price * 0.98,
            "volume": rng.uniform(1e3, 1e7, count),
            "sma": price * rng.uniform(0.9, 1.1, count),
            "ema": price * rng.uniform(0.9, 1.1, count),
            "rsi": rng.uniform(0, 100, count),
            "average": rng.uniform(1e3, 1e7, count),
        }
        self.fields = made
        self.values = {number: made[self.names[number]][None, :] for number in self.names}
        sessions = Sessions.of([calendars().sessions("NONE")] * count)
        start = np.full(count, 20_000 * 86_400_000_000_000)
        lines = np.column_stack([price] * 5 + [price])
        self.bars: Bars = sessions.minute_bars(rows, start, lines)
        self.moment = Moment(np.zeros(count, np.int64), np.zeros(count, np.int64))

    def _place(self, nodes: tuple[Node, ...], item: Input) -> Input:
        """One number for each distinct series, whatever rule reads it."""
        node = nodes[item.node]
        word = node.name
        if node.op.value == "function":
            inner = nodes[node.inputs[0].node].name
            word = "average" if inner == "volume" else node.name
        key = (word,)
        number = self.places.setdefault(key, len(self.places))
        self.names[number] = word
        return Input(number)

    def evaluate(self) -> int:
        """Every rule at every bar, clauses included; how many fired."""
        return len(self.group.evaluate(self.bars, self.values, self.moment))

    def truths(self, count: int) -> list[list[bool]]:
        """What each rule said last of the first instruments."""
        members = self.group.members.values()
        bytes_ = [[self.group.state(one, row)[0] for row in range(count)] for one in members]
        return [[byte & k.TRUTH == k.TRUE for byte in line] for line in bytes_]


def conditions(count: int) -> list[str]:
    """Compound conditions as people write them, each with its own numbers."""
    rng = np.random.default_rng(SEED)
    found = []
    for n in range(count):
        level, oversold, factor = rng.uniform(100, 4_000), rng.uniform(10, 40), rng.uniform(1.2, 5)
        busy = f"volume > {factor:.2f} * avg(volume, 20)"
        found.append(
            (
                f"close > sma(close, 50) and rsi(close, 14) < {oversold:.1f} and {busy}",
                f"close > {level:.1f} and (rsi(close, 14) > {100 - oversold:.1f} or close < ema(close, 21))",
                f"close > open and not (rsi(close, 14) > {100 - oversold:.1f}) and {busy}",
            )[n % 3]
        )
    return found


def _compound() -> list[BenchRow]:
    market = _Market(conditions(CONDITIONS), INSTRUMENTS)
    total = CONDITIONS * INSTRUMENTS
    rows = peer.rows_of(market.fields, PEER_EVALUATIONS // CONDITIONS)
    libraries = peer.libraries(market.texts)
    market.evaluate()  # the first evaluation of each pair is one by one
    if market.truths(len(rows)) != peer.answers(market.texts, libraries, rows):
        message = "ours and the peers do not say the same"
        raise RuntimeError(message)
    peers = [lambda one=one: peer.rate(one, rows) for one in libraries.values()]
    ours, *theirs = in_turn(RUNS, lambda: total / seconds(market.evaluate), *peers)
    case = f"{CONDITIONS} compound rules × {INSTRUMENTS:,} instruments, clauses included"
    best = max(theirs)
    return [
        BenchRow(case, "evaluations/s", ours, found, name, 100.0 if found == best else None)
        for name, found in zip(libraries, theirs, strict=True)
    ]
