"""Finds the chain that is meant, in the store, and analyses it.

Which expiries are listed is told by the newest stored chain, not by the wall's clock: a replayed day has its own. Where
that chain lies ahead of the market's clock, a later day was replayed before: then the clock is now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from marketbell.core.market.instrument import Instrument
from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.expiry import CALENDARS, WORDS, pick, trading_date
from marketbell.core.options.model import ModelSettings
from marketbell.core.primitives.errors import ConflictError, NotFoundError, UserError
from marketbell.ports.chains import ChainRecord, ChainStore

HOW_TO_GET_ONE = "start the demo, replay a file of chains, or send them to POST /ingest/chains"
_SAME_INDEX = {"NIFTY50": "NIFTY"}
_AHEAD_NS = 300 * 10**9
"""So far ahead of the market's clock the newest chain may be and still belong to it."""
_MICROSECOND = 1_000
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """An underlying with its expiries that had not passed at `as_of` (ns UTC), each with its newest moment."""

    underlying: str
    as_of: int
    expiries: tuple[tuple[date, int], ...]

    @property
    def days(self) -> list[date]:
        """The expiries alone, in order."""
        return [expiry for expiry, _ in self.expiries]


@dataclass(frozen=True, slots=True)
class Found:
    """A stored chain, analysed."""

    record: ChainRecord
    analysed: Analysed


class OptionDesk:
    """Reads one store. `known` gives the instrument that a text means, or raises NotFoundError or ConflictError.

    `clock` is the market's, ns UTC; None where nothing is fed.
    """

    def __init__(self, store: ChainStore, known: Callable[[str], Instrument], clock: int | None = None) -> None:
        self._store = store
        self._known = known
        self._clock = clock

    @property
    def store(self) -> ChainStore:
        """For series that need no analysis."""
        return self._store

    def underlying(self, text: str) -> str:
        """The key that a text means: VENUE:SYMBOL, or a symbol that one venue alone has.

        NotFoundError where nobody knows it; an instrument without a chain is known all the same.
        """
        wanted = text.strip().removeprefix("$").upper()
        venue, colon, symbol = wanted.rpartition(":")
        symbol = _SAME_INDEX.get(symbol, symbol)
        wanted = f"{venue}{colon}{symbol}"
        keys = self._store.underlyings()
        named = [key for key in keys if wanted in {key.upper(), key.partition(":")[2].upper()}]
        exact = [key for key in named if key.upper() == wanted]
        if exact or len(named) == 1:
            return (exact or named)[0]
        if named:
            message = f"{text} has chains at more than one venue: ask for one of {', '.join(named)}"
            raise ConflictError(message)
        return self._known(wanted).key

    def now(self, underlying: str) -> int | None:
        """The moment that counts where none is asked for: None for the newest chain, else the market's clock."""
        if self._clock is None:
            return None
        newest = max((moment for _, moment in self._store.expiries(underlying)), default=0)
        is_of_another_run = newest > self._clock + _AHEAD_NS and bool(self._store.expiries(underlying, self._clock))
        return self._clock if is_of_another_run else None

    def listed(self, underlying: str, as_of: int | None = None) -> Listed:
        """The expiries up to a moment (None: the newest); none where there is no chain by then."""
        found = self._store.expiries(underlying, as_of)
        if not found:
            return Listed(underlying, as_of or 0, ())
        newest = max(moment for _, moment in found)
        today = trading_date(underlying, newest if as_of is None else as_of)
        ahead = tuple((expiry, moment) for expiry, moment in found if expiry >= today)
        return Listed(underlying, newest, ahead)

    def required(self, underlying: str, as_of: int | None = None) -> Listed:
        """The same; NotFoundError, with how to get one, where there is no chain."""
        found = self.listed(underlying, as_of)
        if not found.expiries:
            when = "" if as_of is None else " at that time"
            message = f"{underlying} has no option chain{when} yet: {HOW_TO_GET_ONE}"
            raise NotFoundError(message)
        return found

    def expiry(self, underlying: str, text: str | None, as_of: int | None = None) -> date:
        """The expiry that a date or a word (nearest, next, monthly; None: nearest) means.

        UserError for a text that is neither. NotFoundError for one that is not listed; a past one is looked for in
        the store.
        """
        word = (text or "nearest").strip().lower()
        if word not in WORDS:
            return self._dated(underlying, word, as_of)
        listed = self.required(underlying, as_of)
        today = trading_date(underlying, listed.as_of if as_of is None else as_of)
        calendar = CALENDARS.get(underlying.partition(":")[0], "XNSE")
        found = pick(listed.days, word, today, calendar)
        if found is None:
            message = f"{underlying} has no {word} expiry among {_words(listed.days)}"
            raise NotFoundError(message)
        return found

    def chain(
        self, underlying: str, expiry: date, as_of: int | None = None, settings: ModelSettings | None = None
    ) -> Found:
        """The newest chain of an expiry up to a moment. NotFoundError, with what there is, where there is none."""
        record = self._store.latest(underlying, expiry, as_of)
        if record is None:
            raise self._missing(underlying, expiry, as_of)
        return Found(record, analyse(record.chain, settings or ModelSettings()))

    def all(self, underlying: str, as_of: int | None = None) -> list[Found]:
        """Every listed expiry's newest chain up to a moment, in order. NotFoundError where there is none."""
        listed = self.required(underlying, as_of)
        return [self.chain(underlying, expiry, as_of) for expiry in listed.days]

    def _dated(self, underlying: str, word: str, as_of: int | None) -> date:
        try:
            expiry = date.fromisoformat(word)
        except ValueError:
            message = f"an expiry is a date like 2026-08-25, or {', '.join(WORDS)}, not {word!r}"
            raise UserError(message, field="expiry") from None
        if expiry not in dict(self._store.expiries(underlying)):
            raise self._missing(underlying, expiry, as_of)
        return expiry

    def _missing(self, underlying: str, expiry: date, as_of: int | None) -> NotFoundError:
        listed = self.required(underlying, as_of)
        when = "" if as_of is None else " at that time"
        return NotFoundError(f"{underlying} has no chain for {expiry}{when}: there is {_words(listed.days)}")


def _words(expiries: Sequence[date]) -> str:
    shown = [one.isoformat() for one in expiries[:8]]
    more = len(expiries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def moment(text: str | None, name: str, *, is_start: bool = False) -> int | None:
    """Nanoseconds UTC from ISO 8601, a date, or ns as digits; None for none. UserError naming the field.

    Our own answers cut times to the microsecond, so a text stands for the end of its microsecond, with `is_start` for
    the beginning: a chain that bears that time is found by it.
    """
    word = (text or "").strip()
    if not word:
        return None
    if word.isascii() and word.isdigit() and len(word) > len("20260819"):
        found = int(word)
    else:
        # A plus sign that was not escaped in a query arrives as a space.
        plain = word.replace(" ", "+") if "T" in word and word.count(" ") == 1 else word
        try:
            when = datetime.fromisoformat(plain)
        except ValueError:
            message = f"{name} must be a time like 2026-08-19T03:45:00Z, not {text!r}"
            raise UserError(message, field=name) from None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        delta = when - datetime(1970, 1, 1, tzinfo=UTC)
        microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
        found = microseconds * _MICROSECOND + (0 if is_start else _MICROSECOND - 1)
    if not 0 < found < _LAST:
        message = f"{name} must lie between 1970 and 2262"
        raise UserError(message, field=name)
    return found
