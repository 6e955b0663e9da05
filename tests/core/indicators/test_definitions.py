"""Each function against the formula of its docstring, written again with pandas and NumPy."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from marketbell.core.indicators.implementations import batch

Floats = NDArray[np.float64]

BARS = 400
MINUTE = 60e9


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """A random walk in ticks of 0.05 with flat stretches, and volumes with zeros."""
    random = np.random.default_rng(11)
    close = 100.0 + np.round(np.cumsum(random.integers(-3, 4, BARS) * 0.05), 2)
    close[100:140] = close[100]
    high = close + random.integers(0, 5, BARS) * 0.05
    low = close - random.integers(0, 5, BARS) * 0.05
    high[110:135] = low[110:135] = close[110]
    volume = random.integers(0, 5, BARS) * 250.0
    volume[200:230] = 0.0
    table = pd.DataFrame({"close": close, "high": high, "low": low, "volume": volume})
    table["open"] = table["close"].shift(fill_value=100.0) + 0.05
    table["typical"] = (table["high"] + table["low"] + table["close"]) / 3.0
    table["other"] = 50.0 + np.cumsum(random.normal(0, 0.2, BARS))
    return table


def one(name: str, parameters: Sequence[float], *inputs: pd.Series | Floats) -> pd.Series:
    return pd.Series(batch(name, parameters, [np.asarray(series, np.float64) for series in inputs])[0])


def same(ours: pd.Series | Floats, wanted: pd.Series | Floats, near: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(wanted), rtol=1e-10, atol=near, equal_nan=True)


@pytest.mark.parametrize("n", [2, 5, 20, 75])
def test_windows(bars: pd.DataFrame, n: int) -> None:
    x, y = bars["close"], bars["other"]
    window = x.rolling(n)
    for name in ("sma", "avg"):
        same(one(name, [n], x), window.mean())
    same(one("sum", [n], x), window.sum())
    same(one("highest", [n], x), window.max(), 0.0)
    same(one("lowest", [n], x), window.min(), 0.0)
    weights = np.arange(1.0, n + 1.0)
    same(one("wma", [n], x), window.apply(lambda w: (w * weights).sum() / weights.sum(), raw=True))
    same(one("stdev", [n], x), window.apply(np.std, raw=True))
    flat = window.max() == window.min()
    score = window.apply(lambda w: (w[-1] - w.mean()) / w.std() if w.std() > 1e-9 else np.nan, raw=True)
    assert flat.sum() >= max(0, 40 - n + 1)
    same(one("zscore", [n], x), score.mask(flat))
    same(one("slope", [n], x), window.apply(lambda w: np.polyfit(np.arange(n), w, 1)[0], raw=True))
    same(one("percentile", [n], x), x.rolling(n + 1).apply(lambda w: 100.0 * (w[:-1] < w[-1]).sum() / n, raw=True))
    same(one("change", [n], x), x.diff(n))
    for name in ("pct_change", "roc"):
        same(one(name, [n], x), x.pct_change(n) * 100.0)
    correlation = [np.nan] * (n - 1) + [
        np.corrcoef(x[t - n + 1 : t + 1], y[t - n + 1 : t + 1])[0, 1] if not flat[t] else 0.0
        for t in range(n - 1, BARS)
    ]
    same(one("corr", [n], x, y), pd.Series(correlation))
    rx, ry = x.pct_change(), y.pct_change()
    beta = [np.nan] * n + [np.polyfit(ry[t - n + 1 : t + 1], rx[t - n + 1 : t + 1], 1)[0] for t in range(n, BARS)]
    same(one("beta", [n], x, y), pd.Series(beta), 1e-6 if n == 2 else 1e-9)
    returns = np.log(x / x.shift())
    for year in (252.0, 252.0 * 75):
        wanted = returns.rolling(n).apply(lambda w: np.std(w, ddof=1), raw=True) * np.sqrt(year) * 100.0
        same(one("hv", [n], x, np.full(BARS, year)), wanted)


def test_hv_of_hulls_example() -> None:
    """Twenty daily returns whose deviation he gives as 0.01216, and 19.3 % a year with 252 days."""
    price = [20.00, 20.10, 19.90, 20.00, 20.50, 20.25, 20.90, 20.90, 20.90, 20.75, 20.75]
    price += [21.00, 21.10, 20.90, 20.90, 21.25, 21.40, 21.40, 21.25, 21.75, 22.00]
    value = one("hv", [20], np.array(price), np.full(21, 252.0)).iloc[-1]
    assert value == pytest.approx(19.3, abs=0.05)


@pytest.mark.parametrize("n", [1, 2, 14, 60])
def test_averages(bars: pd.DataFrame, n: int) -> None:
    x = bars["close"]
    seeded = x.copy()
    seeded[: n - 1] = np.nan
    seeded[n - 1] = x[:n].mean()
    same(one("ema", [n], x), seeded.ewm(span=n, adjust=False).mean())
    before = x.shift()
    span = pd.concat([bars.high - bars.low, (bars.high - before).abs(), (bars.low - before).abs()], axis=1).max(axis=1)
    span[0] = np.nan
    seeded = span.copy()
    seeded[:n] = np.nan
    seeded[n] = span[1 : n + 1].mean()
    atr = seeded.ewm(alpha=1 / n, adjust=False).mean()
    same(one("atr", [n], bars.high, bars.low, x), atr)


def test_rsi(bars: pd.DataFrame) -> None:
    x = bars["close"]
    move = x.diff()
    averages = []
    for side in (move.clip(lower=0.0), (-move).clip(lower=0.0)):
        seeded = side.copy()
        seeded[:14] = np.nan
        seeded[14] = side[1:15].mean()
        averages.append(seeded.ewm(alpha=1 / 14, adjust=False).mean())
    same(one("rsi", [14], x), 100.0 - 100.0 / (1.0 + averages[0] / averages[1]))


def test_macd_is_made_of_averages(bars: pd.DataFrame) -> None:
    """The slow average is ema; the fast one begins with it, so both forget where they began alike."""
    x = bars["close"]
    line, signal, hist = (pd.Series(part) for part in batch("macd", [12, 26, 9], [x.to_numpy()]))
    fast = pd.concat([pd.Series([np.nan] * 14), one("ema", [12], x[14:])], ignore_index=True)
    wanted = fast - one("ema", [26], x)
    same(line, wanted.where(np.arange(BARS) >= 33))
    same(signal[25:], one("ema", [9], wanted[25:]).to_numpy())
    same(hist, line - signal, 0.0)
    swapped = batch("macd", [26, 12, 9], [x.to_numpy()])
    np.testing.assert_array_equal(swapped, np.stack([line, signal, hist]))


def test_bands_are_made_of_mean_and_deviation(bars: pd.DataFrame) -> None:
    x = bars["close"]
    upper, mid, lower, width = batch("bb", [20, 2.5], [x.to_numpy()])
    mean, deviation = one("sma", [20], x), one("stdev", [20], x)
    np.testing.assert_array_equal(mid, mean)
    np.testing.assert_array_equal(upper, mean + deviation * 2.5)
    np.testing.assert_array_equal(lower, mean - deviation * 2.5)
    same(width, (upper - lower) / mid * 100.0)
    score = one("zscore", [20], x)
    same(score, ((x - mean) / deviation.where(deviation > 0.0)), 1e-8)


def test_cci_stoch_mfi_adx(bars: pd.DataFrame) -> None:
    typical = bars["typical"]
    window = typical.rolling(20)
    spread = window.apply(lambda w: np.abs(w - w.mean()).mean(), raw=True)
    flat = window.max() == window.min()
    same(one("cci", [20], typical), ((typical - window.mean()) / (0.015 * spread)).mask(flat, 0.0), 1e-7)

    high, low = bars["high"].rolling(14).max(), bars["low"].rolling(14).min()
    raw = (100.0 * (bars["close"] - low) / (high - low)).mask(high == low, 0.0)
    k = raw.rolling(3).mean()
    d = k.rolling(5).mean()
    ours = batch("stoch", [14, 3, 5], [bars[c].to_numpy() for c in ("high", "low", "close")])
    same(ours[1], d, 1e-8)
    same(ours[0], k.where(d.notna()), 1e-8)

    flow = typical * bars["volume"]
    up = flow.where(typical.diff() > 1e-9, 0.0).rolling(14).sum()
    down = flow.where(typical.diff() < -1e-9, 0.0).rolling(14).sum()
    wanted = (100.0 * up / (up + down)).mask((up + down) < 1e-3, 0.0)
    wanted[:14] = np.nan
    ours_mfi = one("mfi", [14], bars.high, bars.low, bars.close, bars.volume)
    same(ours_mfi, wanted, 1e-7)
    assert (ours_mfi[214:230] == 0.0).all(), "no volume: nothing flows"

    moves = pd.DataFrame({"up": bars.high.diff(), "down": -bars.low.diff()})
    plus = moves.up.where((moves.up > moves.down) & (moves.up > 0.0), 0.0)
    minus = moves.down.where((moves.down > moves.up) & (moves.down > 0.0), 0.0)
    before = bars.close.shift()
    span = pd.concat([bars.high - bars.low, (bars.high - before).abs(), (bars.low - before).abs()], axis=1).max(axis=1)
    sums = {name: part[1:14].sum() for name, part in (("plus", plus), ("minus", minus), ("span", span))}
    adx, plus_di, minus_di = batch("adx", [14], [bars[c].to_numpy() for c in ("high", "low", "close")])
    indexes: list[float] = []
    index = np.nan
    for t in range(14, BARS):
        for name, part in (("plus", plus), ("minus", minus), ("span", span)):
            sums[name] = sums[name] * 13 / 14 + part[t]
        p, m = (100.0 * sums[name] / sums["span"] for name in ("plus", "minus"))
        assert plus_di[t] == pytest.approx(p)
        assert minus_di[t] == pytest.approx(m)
        indexes.append(100.0 * abs(p - m) / (p + m))
        if t == 27:
            index = float(np.mean(indexes))
        elif t > 27:
            index = (index * 13 + indexes[-1]) / 14
        assert adx[t] == pytest.approx(index, nan_ok=True)
    assert np.isnan(plus_di[:14]).all()


def test_supertrend_ratchets(bars: pd.DataFrame) -> None:
    high, low, close = (bars[c].to_numpy() for c in ("high", "low", "close"))
    value, direction = batch("supertrend", [10, 3.0], [high, low, close])
    atr = one("atr", [10], high, low, close)
    upper = lower = np.nan
    up = True
    turns = 0
    for t in range(10, BARS):
        middle = (high[t] + low[t]) / 2
        if t == 10:
            upper, lower = middle + 3 * atr[t], middle - 3 * atr[t]
        else:
            upper = middle + 3 * atr[t] if middle + 3 * atr[t] < upper or close[t - 1] > upper else upper
            lower = middle - 3 * atr[t] if middle - 3 * atr[t] > lower or close[t - 1] < lower else lower
            was = up
            up = close[t] >= lower if up else close[t] > upper
            turns += was != up
        assert direction[t] == (1 if up else -1)
        assert value[t] == pytest.approx(lower if up else upper)
    assert turns > 3


def test_obv(bars: pd.DataFrame) -> None:
    moves = np.sign(bars["close"].diff()).fillna(1.0) * bars["volume"]
    same(one("obv", [], bars.close, bars.volume), moves.cumsum(), 0.0)


def test_vwap_begins_afresh_with_the_session(bars: pd.DataFrame) -> None:
    session = pd.Series(np.arange(BARS) // 75)
    own = bars["typical"].where(np.arange(BARS) % 3 > 0) + 0.01
    price = own.fillna(bars["typical"])
    money, size = (price * bars.volume).groupby(session).cumsum(), bars.volume.groupby(session).cumsum()
    same(one("vwap", [], bars.typical, own, bars.volume, session), (money / size).where(size > 0.0))

    volume = bars["volume"].copy()
    volume[:5] = 0.0
    volume[80] = np.nan
    ours = one("vwap", [], bars.typical, own, volume, session)
    assert ours[:5].isna().all(), "nothing was traded yet"
    assert ours[5:80].notna().any()
    assert ours[80:150].isna().all(), "the sums miss a bar"
    assert ours[160:225].notna().all()
    assert ours[225:230].isna().all(), "nothing was traded yet"
    assert ours[240:].notna().all()


def test_orb() -> None:
    """Two sessions of ten minutes; T = 3 minutes."""
    number = np.arange(20)
    session = (number // 10).astype(np.float64)
    session_open = number // 10 * 86_400e9
    start = session_open + (number % 10) * MINUTE
    high = 10.0 + number % 10 + number // 10
    low = 9.0 - number % 10

    def opening(span: float, keep: NDArray[np.bool_] | None = None) -> Floats:
        rows = slice(None) if keep is None else keep
        columns = (high, low, start, start + MINUTE, session, session_open)
        return batch("orb", [span], [column[rows] for column in columns])

    ours = opening(3 * MINUTE)
    assert np.isnan(ours[:, [0, 1, 10, 11]]).all()
    assert (ours[:, 2:10] == [[12.0], [7.0]]).all()
    assert (ours[:, 12:] == [[13.0], [7.0]]).all()

    gap = number != 2  # an empty minute makes no bar
    assert (opening(3 * MINUTE, gap)[:, 2:9] == [[11.0], [8.0]]).all()
    assert np.isnan(opening(3 * MINUTE, number != 2)[:, :2]).all()
    assert np.isnan(opening(2.5 * MINUTE)).all(), "a bar straddles open + T"
    assert np.isnan(opening(3 * MINUTE, number % 10 > 4)).all(), "no bar by then"
    high[1] = np.nan
    ours = opening(3 * MINUTE)
    assert np.isnan(ours[:, :10]).all()
    assert (ours[:, 12:] == [[13.0], [7.0]]).all()


def test_pivots() -> None:
    p, r1, s1, r2, s2, r3, s3 = batch("pivots", [], [np.array([v]) for v in (110.0, 100.0, 108.0)])[:, 0]
    assert p == pytest.approx(106.0)
    assert (r1, s1, r2, s2, r3, s3) == pytest.approx((112.0, 102.0, 116.0, 96.0, 122.0, 92.0))


def test_gap() -> None:
    first = np.array([10.0, 10.5, 11.0, 11.5, 9.0, 9.5, 12.0])
    close = np.array([10.4, 10.0, 11.4, 12.0, 9.4, np.nan, 10.0])
    session = np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0])
    ours = one("gap", [], first, close, session)
    same(ours, [np.nan, np.nan, 10.0, 10.0, -25.0, np.nan, np.nan])


def test_conditions() -> None:
    unknown = np.nan
    condition = np.array([0.0, 1.0, 0.0, 0.0, 1.0, unknown, 0.0, 1.0, 0.0])
    x = np.array([1.0, 2.0, 3.0, 4.0, unknown, 6.0, 7.0, 8.0, 9.0])
    same(one("bars_since", [], condition), [unknown, 0, 1, 2, 0, unknown, unknown, 0, 1])
    same(one("value_when", [], condition, x), [unknown, 2, 2, 2, unknown, unknown, unknown, 8, 8])
    same(one("count", [3], condition), [unknown, unknown, 1, 1, 1, unknown, unknown, unknown, 1])


FLAT = np.full(60, 123.456)


@pytest.mark.parametrize(
    ("name", "parameters", "inputs", "value"),
    [
        ("stdev", [20], 1, 0.0),
        ("zscore", [20], 1, np.nan),
        ("rsi", [14], 1, 0.0),
        ("slope", [14], 1, 0.0),
        ("corr", [14], 2, 0.0),
        ("beta", [14], 2, 0.0),
        ("cci", [20], 1, 0.0),
        ("roc", [10], 1, 0.0),
        ("change", [10], 1, 0.0),
        ("percentile", [20], 1, 0.0),
        ("atr", [14], 3, 0.0),
        ("adx", [14], 3, 0.0),
        ("stoch", [14, 3, 3], 3, 0.0),
        ("mfi", [14], 4, 0.0),
        ("sma", [20], 1, 123.456),
        ("ema", [20], 1, 123.456),
        ("wma", [20], 1, 123.456),
        ("supertrend", [10, 3.0], 3, 123.456),
    ],
)
def test_flat_prices(name: str, parameters: list[float], inputs: int, value: float) -> None:
    last = batch(name, parameters, [FLAT] * inputs)[0, -1]
    if np.isnan(value):
        assert np.isnan(last)
    elif value == 0.0:
        assert abs(last) <= (1e-13 if name == "slope" else 0.0), "exactly, but for the slope's running sums"
    else:
        assert last == pytest.approx(value, rel=1e-14)


def test_prices_that_become_flat() -> None:
    """Not a digit of the moves before is left: the deviation is exactly 0, hence no z-score."""
    random = np.random.default_rng(3)
    x = np.concatenate([1e6 * random.random(500), np.full(60, 0.3)])
    assert (batch("stdev", [20], [x])[0, 519:] == 0.0).all()
    assert np.isnan(batch("zscore", [20], [x])[0, 519:]).all()
    upper, _, lower, _ = batch("bb", [20, 2.0], [x])
    assert (upper[519:] == lower[519:]).all()
    returns = batch("hv", [20], [x, np.full(560, 252.0)])
    assert (returns[0, 520:] == 0.0).all()


def test_small_moves_of_a_large_price() -> None:
    """A tick of 0.01 at ten million keeps its digits."""
    random = np.random.default_rng(5)
    x = 1e7 + random.integers(0, 5, 300) * 0.01
    wanted = pd.Series(x - 1e7).rolling(20).apply(np.std, raw=True)
    same(one("stdev", [20], x), wanted, 1e-9)
    returns = pd.Series(x).pct_change()
    ours = one("corr", [20], x, np.arange(300.0))
    exact = pd.Series(x - 1e7).rolling(20).corr(pd.Series(np.arange(300.0)))
    same(ours, exact, 1e-6)
    assert returns.abs().max() < 1e-8


def test_an_outlier_leaves_no_trace() -> None:
    random = np.random.default_rng(6)
    x = 100.0 + random.normal(0, 1, 300)
    x[100] = 1e9
    y = 50.0 + random.normal(0, 1, 300)
    for name, inputs in (("stdev", [x]), ("zscore", [x]), ("corr", [x, y])):
        whole = batch(name, [20], inputs)[0, 150:]
        same(whole, batch(name, [20], [series[130:] for series in inputs])[0, 20:], 1e-9)


def test_mfi_of_prices_that_stand_still_and_of_a_negative_volume() -> None:
    up = np.linspace(10.0, 20.0, 40)
    volume = np.full(40, 5.0)
    assert batch("mfi", [14], [up, up, up, volume])[0, -1] == 100.0
    assert batch("mfi", [14], [up[::-1].copy()] * 3 + [volume])[0, -1] == 0.0
    volume[30] = -1.0
    assert np.isnan(batch("mfi", [14], [up, up, up, volume])[0, 30:]).all()


def test_a_long_window_costs_no_more_than_a_short_one() -> None:
    """A falling series is the worst case of the highest value: no rescan of 5,000 values a bar, which would take
    hundreds of times as long as the queue."""
    from time import perf_counter

    x = -np.arange(200_000.0)
    batch("highest", [5.0], [x[:10]])

    def seconds(n: float) -> float:
        begin = perf_counter()
        assert batch("highest", [n], [x])[0, -1] == x[-1] + n - 1
        return perf_counter() - begin

    assert min(seconds(5_000.0) for _ in range(3)) < 20 * min(seconds(5.0) for _ in range(3)) + 0.01
