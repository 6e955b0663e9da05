"""The same conditions in simpleeval, rule-engine and CEL, each parsed or compiled once, over dictionaries of values."""

import re
from collections.abc import Callable, Mapping, Sequence

import celpy
import numpy as np
import rule_engine
from numpy.typing import NDArray
from simpleeval import SimpleEval

from marketbell.processes.cli.bench.rows import seconds

Row = dict[str, float]
Library = Sequence[Callable[[Row], bool]]

_NAMES = (
    (r"sma\(close, 50\)", "sma"),
    (r"ema\(close, 21\)", "ema"),
    (r"rsi\(close, 14\)", "rsi"),
    (r"avg\(volume, 20\)", "average"),
)


def _plain(text: str) -> str:
    """The condition over names alone."""
    for pattern, name in _NAMES:
        text = re.sub(pattern, name, text)
    return text


def libraries(texts: Sequence[str]) -> dict[str, Library]:
    """Each library's conditions, ready to be evaluated."""
    plain = [_plain(text) for text in texts]
    return {
        "simpleeval": [_simpleeval(text) for text in plain],
        "rule-engine": [_rule_engine(text) for text in plain],
        "cel-python": [_cel(text) for text in plain],
    }


def _simpleeval(text: str) -> Callable[[Row], bool]:
    evaluator = SimpleEval()
    parsed = evaluator.parse(text)

    def evaluate(row: Row) -> bool:
        evaluator.names = row
        return bool(evaluator.eval(text, previously_parsed=parsed))

    return evaluate


def _rule_engine(text: str) -> Callable[[Row], bool]:
    rule = rule_engine.Rule(text)
    return lambda row: bool(rule.matches(row))


def _cel(text: str) -> Callable[[Row], bool]:
    environment = celpy.Environment()
    text = re.sub(r"\band\b", "&&", re.sub(r"\bor\b", "||", re.sub(r"\bnot\b", "!", text)))
    # CEL does not mix whole numbers and fractions
    text = re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", text)
    program = environment.program(environment.compile(text))
    return lambda row: bool(program.evaluate({name: celpy.celtypes.DoubleType(value) for name, value in row.items()}))


def rows_of(fields: Mapping[str, NDArray[np.float64]], count: int) -> list[Row]:
    """The first instruments' values by name."""
    return [{name: float(values[at]) for name, values in fields.items()} for at in range(count)]


def rate(library: Library, rows: Sequence[Row]) -> float:
    """Evaluations a second."""

    def work() -> None:
        for condition in library:
            for row in rows:
                condition(row)

    return len(library) * len(rows) / seconds(work)


def answers(texts: Sequence[str], known: Mapping[str, Library], rows: Sequence[Row]) -> list[list[bool]]:
    """What all libraries say of each condition at each row. RuntimeError where they do not say the same."""
    found = []
    for at, text in enumerate(texts):
        said = {tuple(library[at](row) for row in rows) for library in known.values()}
        if len(said) != 1:
            message = f"the peers do not agree on {text}"
            raise RuntimeError(message)
        found.append(list(said.pop()))
    return found
