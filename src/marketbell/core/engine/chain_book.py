"""The option chains of one underlying as they came in, and what a rule may ask of them at a moment.

A value at a moment is that of the newest chain captured at or before it: so bars that close some seconds later still
see what was known at their end. Of each expiry the newest chain is kept, and older ones only as long as a bar may
still close before the newest. A chain is analysed when somebody asks, once. The analysis rests on the chain alone:
the same chain gives the same numbers to the last bit, live, in a replay and after a restart.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from math import isfinite, nan
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from marketbell.core.language.declared import OI_STATES
from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.chain import Chain
from marketbell.core.options.expiry import WORDS, pick, trading_date
from marketbell.core.options.frames import packed, unpacked
from marketbell.core.options.future import ListedFuture
from marketbell.core.options.history import iv_percentile, iv_rank
from marketbell.core.options.metrics import NAMES, constant_maturity, skew, term_slope
from marketbell.core.primitives.errors import CheckpointError

KEPT = 16
"""The most chains of an expiry, or quotes of a future, that are kept at once."""
HISTORY_DAYS = 1_300
"""Days of volatility that are kept: five years."""
MATURITY_DAYS = 30.0
"""How far out the volatility is that IV rank and percentile are taken of: that of an expiry jumps when it rolls."""
RANKED_DAYS = 252
"""Days of the rank that is stored with a chain: what `opt.iv_rank` looks back at where nothing else is said."""
FAR = (1 << 63) - 1

_KEPT_DELTA = 25.0
_EPOCH = date(1970, 1, 1)
T = TypeVar("T")


class Known:
    """A chain that the engine has. `analysed` is under the default model."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._skews: dict[float, float] = {}

    @cached_property
    def analysed(self) -> Analysed:
        """Volatilities, Greeks and metrics."""
        return analyse(self.chain)

    @cached_property
    def packed(self) -> NDArray[np.uint8]:
        """The chain as a checkpoint keeps it."""
        return np.frombuffer(packed(self.chain), np.uint8)

    def metric(self, name: str) -> float:
        """A metric as a number, NaN where it is unknown; a state by its place in OI_STATES."""
        value = self.analysed.metrics.get(name)
        if isinstance(value, str):
            return float(OI_STATES.index(value)) if value else nan
        return nan if value is None else float(value)

    def skew(self, delta: float) -> float:
        """Volatility of the put less that of the call with this delta (hundredths), percentage points."""
        found = self._skews.get(delta)
        if found is None:
            found = self._skews[delta] = skew(self.analysed, delta)
        return found


class Kept(Known):
    """A chain of which a store kept the metrics alone: its strikes are not known any more."""

    def __init__(self, chain: Chain, metrics: Mapping[str, Any]) -> None:
        super().__init__(chain)
        self._metrics = dict.fromkeys(NAMES) | dict(metrics)

    @cached_property
    def analysed(self) -> Analysed:
        """The metrics, and nothing of any contract."""
        return replace(analyse(self.chain), metrics=self._metrics)

    def skew(self, delta: float) -> float:
        """The one that is kept: of 25."""
        return self.metric("skew_25") if delta == _KEPT_DELTA else nan


@dataclass(frozen=True, slots=True)
class ChainUpdate:
    """A chain that came in. `is_late`: it is older than what was known, and no rule saw it.

    `others` are the newest chains of the underlying's other expiries at that time, `past` its daily volatilities of
    days before, oldest first.
    """

    instrument_id: int
    key: str
    is_simulated: bool
    known: Known
    is_late: bool = False
    others: tuple[Known, ...] = ()
    past: Sequence[float] = ()

    @property
    def chain(self) -> Chain:
        """The chain itself."""
        return self.known.chain

    @property
    def metrics(self) -> dict[str, Any]:
        """Its metrics, and of the underlying: the volatility 30 days out, where it stands among the days of a year.

        `atm_iv_30`, `iv_rank` and `iv_percentile` (as `opt.iv_rank(252)`), `iv_days` (days that both rest on).
        """
        now = maturity([self.known, *self.others])
        days = [*self.past, nan if now is None else now]
        return self.known.analysed.metrics | {
            "atm_iv_30": now,
            "iv_rank": _known(iv_rank(days, RANKED_DAYS)),
            "iv_percentile": _known(iv_percentile(days, RANKED_DAYS)),
            "iv_days": len(self.past[1 - RANKED_DAYS :]) + (now is not None),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of options or futures with its settings, read from its canonical name."""

    name: str
    word: str = "nearest"
    days: int = 252
    delta: float = 25.0


def asked(canonical: str) -> Asked:
    """`opt.skew(delta: 25, expiry: "next")` as what it asks for. The language has checked it."""
    name, _, rest = canonical.partition("(")
    settings: dict[str, Any] = {}
    for part in filter(None, rest.removesuffix(")").split(", ")):
        key, _, value = part.partition(": ")
        settings[key] = json.loads(value)
    return Asked(
        name, str(settings.get("expiry", "nearest")), int(settings.get("days", 252)), float(settings.get("delta", 25))
    )


@dataclass(slots=True)
class ChainBook:
    """Chains by expiry (each list by rising `as_of`), futures by expiry, and the daily ATM volatilities.

    `days` holds by the trading date (days since 1970) the ATM volatility 30 days out of that day's last chains,
    percentage points. `day` is the date of the newest chain, 0 before the first.
    """

    underlying: str
    calendar: str
    keeps_all: bool = False
    """Nothing is forgotten."""
    chains: dict[date, list[Known]] = field(default_factory=dict)
    futures: dict[date, list[ListedFuture]] = field(default_factory=dict)
    days: dict[int, float] = field(default_factory=dict)
    day: int = 0
    newest: int = 0
    """When its newest chain was captured, ns UTC."""
    _days_packed: NDArray[np.float64] | None = None
    _values: dict[str, float] = field(default_factory=dict)
    """Values as they stand with the newest chains on `day`, by canonical name."""

    # --- the log -------------------------------------------------------------------------------

    def take(self, known: Known, complete: int) -> bool:
        """Take a chain; False for one that is older than the newest of its expiry.

        `complete` (ns UTC): bars that ended by then have closed. One of the same moment replaces what is known.
        """
        chain = known.chain
        kept = self.chains.get(chain.expiry, [])
        if kept and chain.as_of < kept[-1].chain.as_of:
            return False
        today = self._date(chain.as_of)
        if today > self.day:
            self._close_day()
            self.day = today
        if kept and kept[-1].chain.as_of == chain.as_of:
            kept = kept[:-1]
        self.chains[chain.expiry] = [*self._since(kept, complete, lambda one: one.chain.as_of), known]
        self.newest = max(self.newest, chain.as_of)
        self._free(complete)
        self._values.clear()
        return True

    def take_future(self, quote: ListedFuture, complete: int) -> bool:
        """Take a future's quote; False for one that is older than what is known."""
        kept = self.futures.get(quote.expiry, [])
        if kept and quote.as_of < kept[-1].as_of:
            return False
        if kept and kept[-1].as_of == quote.as_of:
            kept = kept[:-1]
        self.futures[quote.expiry] = [*self._since(kept, complete, lambda one: one.as_of), quote]
        self.day = max(self.day, self._date(quote.as_of)) if not self.chains else self.day
        self.newest = max(self.newest, quote.as_of)
        self._values.clear()
        return True

    def take_days(self, days: Sequence[int], values: Sequence[float | None]) -> None:
        """Daily volatilities from elsewhere; what is known here stays."""
        for day, value in zip(days, values, strict=True):
            if value is not None and isfinite(value):
                self.days.setdefault(int(day), float(value))
        self._trim_days()
        self._values.clear()

    def _since(self, kept: Sequence[T], complete: int, as_of: Callable[[T], int]) -> list[T]:
        """The newest entry at or before `complete`, and all behind it; never as many as KEPT."""
        if self.keeps_all:
            return list(kept)
        first = max((at for at, one in enumerate(kept) if as_of(one) <= complete), default=0)
        return list(kept[first:][1 - KEPT :])

    def _free(self, complete: int) -> None:
        """Forget expiries that ended before the date up to which bars have closed."""
        if complete <= 0 or self.keeps_all:
            return
        today = _EPOCH + timedelta(days=self._date(complete))
        for kept in (self.chains, self.futures):
            for expiry in [one for one in kept if one < today]:
                del kept[expiry]

    def _close_day(self) -> None:
        """A new trading date begins: keep the volatility of the one before."""
        last = [kept[-1] for kept in self.chains.values() if self._date(kept[-1].chain.as_of) == self.day]
        value = maturity(last)
        if value is not None:
            self.days[self.day] = value
            self._trim_days()

    def _trim_days(self) -> None:
        self._days_packed = None
        for day in sorted(self.days)[:-HISTORY_DAYS]:
            del self.days[day]

    # --- what readers see ----------------------------------------------------------------------

    def value(self, canonical: str, at: int, close: float) -> float:
        """A field at a moment (ns UTC; FAR: now). `close` is the underlying's price then. NaN where unknown."""
        moment = min(at, max(self.newest, 1)) if at == FAR else at
        is_now = moment >= self.newest and self._date(moment) == self.day
        if is_now and canonical in self._values:
            found = self._values[canonical]
        else:
            found = self._at(asked(canonical), moment)
            if is_now:
                self._values[canonical] = found
        return found - close if canonical == "fut.basis" else found

    def origin(self, canonical: str, at: int) -> tuple[int, str] | None:
        """When what a field says at a moment was captured (ns UTC), and by whom; None where nothing is known."""
        moment = min(at, max(self.newest, 1)) if at == FAR else at
        wanted = asked(canonical)
        if wanted.name.startswith("fut."):
            quote = self._future(moment)
            return None if quote is None else (quote.as_of, "")
        known = self.known(wanted.word, moment)
        return None if known is None else (known.chain.as_of, known.chain.source)

    def known(self, word: str, at: int) -> Known | None:
        """The newest chain at a moment of the expiry that a word means then."""
        expiry = self._pick(word, self._date(at), at)
        return None if expiry is None else _newest(self.chains[expiry], at)

    def words(self, expiry: date) -> list[str]:
        """What an expiry is called now."""
        return [word for word in WORDS if self._pick(word, self.day, FAR) == expiry]

    def _at(self, wanted: Asked, at: int) -> float:
        name = wanted.name.partition(".")[2]
        if wanted.name.startswith("fut."):
            quote = self._future(at)
            return nan if quote is None else quote.oi if name == "oi" else quote.last
        known = self.known(wanted.word, at)
        if known is None:
            return nan
        if name == "skew":
            return known.skew(wanted.delta)
        if name == "term_slope":
            return self._slope(known, at)
        if name in {"iv_rank", "iv_percentile"}:
            tell = iv_rank if name == "iv_rank" else iv_percentile
            return float(tell(self._history(at), wanted.days))
        return known.metric(name)

    def _slope(self, near: Known, at: int) -> float:
        """Of the newest moment that both expiries know of, so that a move of the market is no change of the slope."""
        later = sorted(expiry for expiry in self.chains if expiry > near.chain.expiry)
        following = next((one for expiry in later if (one := _newest(self.chains[expiry], at)) is not None), None)
        if following is None:
            return nan
        both = min(near.chain.as_of, following.chain.as_of)
        pair = (_newest(self.chains[one.chain.expiry], both) or one for one in (near, following))
        found = term_slope(*(one.analysed for one in pair))
        return nan if found is None else found

    def past(self, at: int) -> list[float]:
        """Daily volatilities of the days before the one that a moment lies in, oldest first."""
        day = self._date(at)
        return [value for one, value in sorted(self.days.items()) if one < day]

    def _history(self, at: int) -> NDArray[np.float64]:
        """The same, with that of the moment behind them."""
        now = maturity([one for kept in self.chains.values() if (one := _newest(kept, at)) is not None])
        return np.array([*self.past(at), nan if now is None else now])

    def _future(self, at: int) -> ListedFuture | None:
        """The near future: of the futures that are listed, else as the chain of the same expiry tells its price."""
        today = _EPOCH + timedelta(days=self._date(at))
        for expiry in sorted(expiry for expiry in self.futures if expiry >= today):
            quote = next((one for one in reversed(self.futures[expiry]) if one.as_of <= at), None)
            if quote is not None:
                return quote
        for expiry in sorted(expiry for expiry in self.chains if expiry >= today):
            known = _newest(self.chains[expiry], at)
            if known is not None and isfinite(known.chain.future):
                return ListedFuture(self.underlying, expiry, known.chain.as_of, known.chain.future)
        return None

    def _pick(self, word: str, day: int, at: int) -> date | None:
        listed = [expiry for expiry, kept in self.chains.items() if kept[0].chain.as_of <= at]
        return pick(listed, word, _EPOCH + timedelta(days=day), self.calendar)

    def _date(self, moment: int) -> int:
        return (trading_date(self.underlying, moment) - _EPOCH).days

    # --- checkpoints ---------------------------------------------------------------------------

    def days_packed(self) -> NDArray[np.float64]:
        """The daily volatilities as rows of (day, value); the same array until they change."""
        if self._days_packed is None:
            self._days_packed = np.array(sorted(self.days.items()), np.float64).reshape(len(self.days), 2)
        return self._days_packed

    def facts(self) -> dict[str, Any]:
        """What a checkpoint holds beside the chains and the daily volatilities, as plain values."""
        return {
            "day": self.day,
            "newest": self.newest,
            "futures": [
                [one.expiry.isoformat(), one.as_of, _plain(one.last), _plain(one.oi)]
                for _, kept in sorted(self.futures.items())
                for one in kept
            ],
        }

    def restore(self, facts: Mapping[str, Any], chains: Sequence[NDArray[np.uint8]], days: NDArray[np.float64]) -> None:
        """The inverse. CheckpointError where it does not fit."""
        try:
            self.day, self.newest = int(facts["day"]), int(facts["newest"])
            for expiry, as_of, price, oi in facts["futures"]:
                quote = ListedFuture(
                    self.underlying, date.fromisoformat(expiry), int(as_of), _number(price), oi=_number(oi)
                )
                self.futures.setdefault(quote.expiry, []).append(quote)
            self.days = {int(day): value for day, value in days.tolist()}
            for piece in chains:
                known = Known(unpacked(np.asarray(piece, np.uint8).tobytes()))
                self.chains.setdefault(known.chain.expiry, []).append(known)
        except (KeyError, TypeError, ValueError) as error:
            message = f"the checkpoint's option chains cannot be read: {error}"
            raise CheckpointError(message) from error


def maturity(chains: Sequence[Known]) -> float | None:
    """ATM volatility 30 days out that chains of several expiries tell, percentage points; None unknown."""
    ordered = sorted(chains, key=lambda one: one.chain.expiry)
    return constant_maturity([one.analysed for one in ordered], MATURITY_DAYS)


def _newest(kept: Sequence[Known], at: int) -> Known | None:
    return next((one for one in reversed(kept) if one.chain.as_of <= at), None)


def _known(number: float) -> float | None:
    return number if isfinite(number) else None


def _plain(number: float) -> float | None:
    return float(number) if isfinite(number) else None


def _number(value: float | None) -> float:
    return nan if value is None else float(value)
