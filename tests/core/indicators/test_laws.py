"""What holds for every function of the catalogue, whatever comes in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.indicators.catalogue import BY_NAME as CALLABLE
from marketbell.core.indicators.catalogue import MAX_WINDOW, PREDICATES, SIGNATURES, Signature
from marketbell.core.indicators.implementations import IMPLEMENTATIONS, batch
from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]

BY_NAME = CALLABLE | PREDICATES
NAMES = sorted(BY_NAME)
OWN_LAW = {"bars_since", "value_when", "vwap", "orb", "gap", "pivots", *PREDICATES}
"""Functions that state a law of their own for unknown inputs."""

seeds = st.integers(0, 2**32 - 1)
short = settings(max_examples=12, deadline=None)

SESSION_BARS = 6
MINUTE_NS = 60e9


def parameters_of(signature: Signature, random: np.random.Generator, most: int = 9) -> list[float]:
    """Random parameters: periods from the least to `most`, reals, three minutes."""
    found = []
    if signature.name in PREDICATES:
        of_time = float(random.integers(0, 2))
        span = [of_time, random.integers(1, most) * (MINUTE_NS if of_time else 1.0)]
        is_move = signature.name == "moves by"
        return [*random.integers(0, [3, 2]).astype(float), *span, 1.0] if is_move else span
    for parameter in signature.parameters:
        if parameter.kind == "period":
            found.append(float(random.integers(parameter.least, most + 1)))
        else:
            found.append(3 * MINUTE_NS if parameter.kind == "duration" else float(random.uniform(0.5, 3.0)))
    return found


def inputs_of(signature: Signature, count: int, random: np.random.Generator, *, wild: bool = False) -> Floats:
    """Random inputs float64[inputs, count]: prices on a coarse grid (ties, flat stretches), one-minute bars.

    `wild` puts unknown, infinite, huge, zero and negative values among them.
    """
    price = 20.0 + np.cumsum(random.integers(-2, 3, count) * 0.25)
    span = random.integers(0, 3, (2, count)) * 0.25
    number = np.arange(count)
    columns = {
        "x": price,
        "y": np.abs(price + random.normal(0, 1, count)) + 1.0,
        "condition": (random.random(count) < 0.3).astype(np.float64),
        "first": (random.random(count) < 0.3).astype(np.float64),
        "second": (random.random(count) < 0.5).astype(np.float64),
        "by": random.choice([0.25, 1.0, 2.0], count),
        "open": price - 0.1,
        "high": price + span[0],
        "low": price - span[1],
        "close": price,
        "typical": (price + span[0] + price - span[1] + price) / 3.0,
        "vwap": np.where(random.random(count) < 0.5, np.nan, price + 0.05),
        "volume": random.integers(0, 4, count) * 100.0,
        "start": number * MINUTE_NS,
        "end": (number + 1) * MINUTE_NS,
        "session": (number // SESSION_BARS).astype(np.float64),
        "session_open": number // SESSION_BARS * SESSION_BARS * MINUTE_NS,
        "per_year": np.full(count, 252.0),
    }
    x = np.stack([columns[name] for name in (*signature.arguments, *signature.bars)])
    if wild:
        bad = np.array([np.nan, np.inf, -np.inf, 1e300, -1e38, 0.0, -5.0, 1e-300, 9e36, 5e-324])
        hit = random.random(x.shape) < 0.08
        x[hit] = random.choice(bad, hit.sum())
    return np.ascontiguousarray(x)


def test_all_are_there() -> None:
    assert set(IMPLEMENTATIONS) == {signature.name for signature in SIGNATURES} | set(PREDICATES)
    assert all(IMPLEMENTATIONS[name].signature is BY_NAME[name] for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@short
def test_bar_by_bar_equals_batch(name: str, seed: int) -> None:
    """Rows interleaved, tentative values in between, the state saved and read back in the middle."""
    random = np.random.default_rng(seed)
    known = IMPLEMENTATIONS[name]
    p = parameters_of(known.signature, random)
    rows = 3
    series = [inputs_of(known.signature, 60, random, wild=bool(seed % 2)) for _ in range(rows)]
    whole = [batch(name, p, list(one)) for one in series]

    state = np.zeros((rows, known.places(p)))
    at = [0] * rows
    while min(at) < 60:
        ready = [row for row in range(rows) if at[row] < 60]
        row_of = []
        columns = []
        wanted = []
        for row in random.choice(ready, random.integers(1, 6)):
            if at[row] < 60:
                row_of.append(row)
                columns.append(series[row][:, at[row]])
                wanted.append(whole[row][:, at[row]])
                at[row] += 1
        x = np.ascontiguousarray(np.stack(columns, axis=1))
        call = np.array(row_of, np.int64)
        parameters = np.array(p, np.float64)
        out = np.empty((len(known.signature.outputs), len(call)))

        before = state.tobytes()
        other = np.ascontiguousarray(x[:, ::-1] * 1.25)
        known.feed(state, call, other, parameters, out, keep=False)
        known.feed(state, call, x, parameters, out, keep=False)
        assert state.tobytes() == before
        first = [row_of.index(row) for row in dict.fromkeys(row_of)]
        tentative = out[:, first].copy()

        state = known.feed(state, call, x, parameters, out, keep=True)
        np.testing.assert_array_equal(out, np.stack(wanted, axis=1))
        np.testing.assert_array_equal(tentative, out[:, first])
        state = np.frombuffer(state.tobytes()).reshape(state.shape).copy()


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@short
def test_a_later_bar_changes_no_earlier_value(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    signature = BY_NAME[name]
    p = parameters_of(signature, random)
    x = inputs_of(signature, 50, random, wild=True)
    cut = int(random.integers(1, 50))
    changed = x.copy()
    changed[:, cut:] = changed[:, cut:][:, ::-1] * 1.5 + 1.0
    np.testing.assert_array_equal(batch(name, p, list(x))[:, :cut], batch(name, p, list(x[:, :cut])))
    np.testing.assert_array_equal(batch(name, p, list(x))[:, :cut], batch(name, p, list(changed))[:, :cut])


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@short
def test_nothing_is_infinite(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    signature = BY_NAME[name]
    out = batch(name, parameters_of(signature, random), list(inputs_of(signature, 80, random, wild=True)))
    assert not np.isinf(out).any()


@pytest.mark.parametrize("name", sorted(set(NAMES) - OWN_LAW))
@given(seed=seeds, bad=st.sampled_from([np.nan, np.inf, -np.inf, 1e37]))
@short
def test_an_unknown_input_ends_the_series(name: str, seed: int, bad: float) -> None:
    """Whatever was before it: the row begins afresh with the bar after it."""
    random = np.random.default_rng(seed)
    signature = BY_NAME[name]
    p = parameters_of(signature, random)
    x = inputs_of(signature, 60, random)
    at = int(random.integers(0, 60))
    x[random.integers(len(x)), at] = bad
    out = batch(name, p, list(x))
    assert np.isnan(out[:, at]).all()
    np.testing.assert_array_equal(out[:, at + 1 :], batch(name, p, list(x[:, at + 1 :])))


@pytest.mark.parametrize("name", sorted(set(NAMES) - OWN_LAW))
@given(seed=seeds)
@short
def test_lookback(name: str, seed: int) -> None:
    """The first known bar is the one that the catalogue says."""
    random = np.random.default_rng(seed)
    signature = BY_NAME[name]
    p = parameters_of(signature, random)
    x = inputs_of(signature, 80, random)
    if name == "zscore":
        x += np.arange(80) * 0.01  # no flat window
    lookback = signature.lookback(tuple(p))
    out = batch(name, p, list(x))
    main = out[: 1 if name == "adx" else None]
    assert np.isnan(main[:, :lookback]).all()
    assert not np.isnan(main[:, lookback:]).any()
    assert signature.warm_up(tuple(p)) >= lookback


@pytest.mark.parametrize("name", NAMES)
def test_one_bar_of_history(name: str) -> None:
    random = np.random.default_rng(7)
    signature = BY_NAME[name]
    p = parameters_of(signature, random)
    out = batch(name, p, list(inputs_of(signature, 1, random)))
    assert out.shape == (len(signature.outputs), 1)
    assert not np.isinf(out).any()
    none = batch(name, p, list(np.empty((len(signature.arguments) + len(signature.bars), 0))))
    assert none.shape == (len(signature.outputs), 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_small(name: str) -> None:
    """A row holds its window once (stoch and the extremes a queue of pairs), and nothing grows with the history."""
    signature = BY_NAME[name]
    p = [float(MAX_WINDOW) if one.kind == "period" else 1.0 for one in signature.parameters]
    windows = {"highest": 2, "lowest": 2, "corr": 2, "beta": 2, "stoch": 6}.get(name, 1)
    assert IMPLEMENTATIONS[name].places(p) <= windows * MAX_WINDOW + 16


def test_wrong_calls_are_said_clearly() -> None:
    x = np.arange(5.0)
    with pytest.raises(UserError, match="`smma` is not known"):
        batch("smma", [5.0], [x])
    with pytest.raises(UserError, match="sma takes 1 parameters, 2 were given"):
        batch("sma", [5.0, 2.0], [x])
    with pytest.raises(UserError, match="atr reads high, low, close: 3 series, 1 were given"):
        batch("atr", [5.0], [x])
    with pytest.raises(UserError, match="one length"):
        batch("corr", [5.0], [x, x[1:]])
