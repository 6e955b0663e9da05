"""The demo market as a paced feed: sessions without end, the same rows for the same seed and date.

A position is (day number << 36) | (1 << 35 in a session with a sparse first part) | rows of the session
handed out. It alone says where to go on, whatever date the feed was made with.
"""

from collections import Counter, deque
from collections.abc import Sequence
from datetime import date

import numpy as np

from marketbell.adapters.feeds.demo.days import FIRST_DAY, HISTORY_DAYS, DailyPath, day_number
from marketbell.adapters.feeds.demo.faults import FaultRates, Injection
from marketbell.adapters.feeds.demo.fundamentals import Accounts
from marketbell.adapters.feeds.demo.history import daily_bars, minute_bars, minute_table, volume_profile
from marketbell.adapters.feeds.demo.minute import BOOK_ROWS, CHAPTERS, Minute, Segment, kind_name, slice_of
from marketbell.adapters.feeds.demo.options import DemoOptions
from marketbell.adapters.feeds.demo.session import DAY, MINUTE, MINUTES, OPEN_OFFSET, Plan, plan_session
from marketbell.adapters.feeds.demo.universe import CALENDAR, universe
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.core.primitives.identity import InstrumentId
from marketbell.ports.feeds import Batch, FeedCard

PREROLL_MINUTES = 70
_DAY_SHIFT, _SPARSE_BIT = 36, 1 << 35
_ROW_MASK = _SPARSE_BIT - 1
_REMEMBERED = 10_000

CARD = FeedCard(
    name="demo",
    label="SIMULATED market",
    kind="demo",
    is_simulated=True,
    supports=("trades", "quotes", "depth", "chains", "history", "profile", "fundamentals", "shareholding"),
    limits="300 fictional companies and 2 indices, about 1,000 trades a second; every day 09:15 to 15:30 IST; "
    "option chains of both indices and the 4 largest companies once a minute; "
    "nothing in it says anything about a real market.",
    tested="Seeded runs: volatility clustering, fat tails, sector correlation, U-shaped volume, exact seek.",
    calendar=CALENDAR,
)
DIRTY_CARD = FeedCard(
    name="demo",
    label="SIMULATED market with faults",
    kind="demo",
    is_simulated=True,
    supports=CARD.supports,
    limits=CARD.limits + " Faults of eight kinds are injected on purpose.",
    tested="The injected faults are counted, kind by kind, and quality checks find the same counts.",
    calendar=CALENDAR,
)


class DemoFeed:
    """A PacedFeed. `start` is the trading date of the first session.

    `preroll_until` (ns UTC) is where the sparse first part of the first session ends: a reader that runs
    at full speed up to there has filled charts within seconds. `injected` counts the faults handed out
    since the feed was made or last sought, by (instrument id, kind); `injections` lists the newest.
    """

    def __init__(
        self,
        start: date,
        *,
        seed: int = 7,
        dirty: bool | FaultRates = False,
        preroll_minutes: int = PREROLL_MINUTES,
        minute_sessions: int = 1,
    ) -> None:
        self._first_day = day_number(start)
        if self._first_day < day_number(FIRST_DAY) + HISTORY_DAYS:
            message = f"the demo market has no year of history before {start}: choose a date after {FIRST_DAY.year + 1}"
            raise InvalidSettingError(message)
        if not 0 <= preroll_minutes <= MINUTES:
            message = f"preroll_minutes is {preroll_minutes}; a session has {MINUTES} minutes"
            raise InvalidSettingError(message)
        self._seed = seed
        self._rates = FaultRates() if dirty is True else dirty or None
        self._preroll_minutes = preroll_minutes
        self._minute_sessions = minute_sessions
        self._universe = universe()
        self._days = DailyPath(self._universe, seed)
        self._options = DemoOptions(self._universe, self._days, seed)
        self.card = DIRTY_CARD if dirty else CARD
        self.producer = f"demo:{seed}:dirty" if dirty else f"demo:{seed}"
        self.preroll_until = self.start_time + preroll_minutes * MINUTE
        self.injected: Counter[tuple[InstrumentId, str]] = Counter()
        self.injections: deque[Injection] = deque(maxlen=_REMEMBERED)
        self._plan: Plan | None = None
        self._minute: Minute | None = None
        self.seek(0)

    @property
    def position(self) -> int:
        """Behind the last row handed out."""
        return self._base + self._row

    @property
    def start_time(self) -> int:
        """Open of the first session, ns UTC."""
        return self._first_day * DAY + OPEN_OFFSET

    @property
    def end_time(self) -> int | None:
        """None: session follows session."""
        return None

    def instruments(self) -> Sequence[Instrument]:
        """Companies, then the two indices."""
        return self._universe.instruments

    def reference(self) -> Sequence[Batch]:
        """Daily and minute history, volume profiles, fundamentals and shareholding known before the first open."""
        number = self._first_day
        tables = {
            past: minute_table(self._universe, self._days.day(past), self._seed)
            for past in range(number - self._minute_sessions, number)
        }
        made = [Batch(FrameKind.BAR, daily_bars(self._universe, self._days, number, tables), 0)]
        made += [
            Batch(FrameKind.BAR, minute_bars(self._universe, self._days.day(past), table), 0)
            for past, table in tables.items()
        ]
        made.append(Batch(FrameKind.PROFILE, volume_profile(self._universe, self._days, number, self._seed), 0))
        items = Accounts(self._universe).items(self._days.day(number))
        made.append(Batch(FrameKind.REFERENCE, {}, 0, {"type": "fundamentals", "items": items}))
        made.append(Batch(FrameKind.REFERENCE, {}, 0, self._options.iv_history(number)))
        return made

    def seek(self, position: int) -> int:
        """Go on behind `position` (0: the beginning). Nothing before it is simulated again."""
        number, row = self._first_day, 0
        sparse = self._preroll_minutes
        if position:
            number, row = position >> _DAY_SHIFT, position & _ROW_MASK
            sparse = self._preroll_minutes if position & _SPARSE_BIT else 0
        self.injected.clear()
        self.injections.clear()
        self._open_session(number, sparse)
        plan = self._planned
        if row >= plan.rows[-1]:
            self._row = int(plan.rows[-1])
            self._open_session(number + 1, 0)
            return self._planned.open
        minute = int(np.searchsorted(plan.rows, row, side="right")) - 1
        self._open_minute(minute)
        self._chapter = int(np.searchsorted(self._drawn.first_row, row, side="right")) - 1
        chapter_row = int(self._drawn.first_row[self._chapter])
        self._load()
        self._row = chapter_row + self._skip(row - chapter_row)
        return int(self._segments[0].arrival[0])

    def _skip(self, rows: int) -> int:
        """Leave out rows of the chapter; returns how many, which is less where a book would be cut."""
        left = rows
        while left >= len(self._segments[0].arrival):
            left -= len(self._segments.popleft().arrival)
        segment = self._segments[0]
        torn = left % BOOK_ROWS if segment.kind is FrameKind.DEPTH else 0
        if left > torn:
            self._segments[0] = slice_of(segment, left - torn, len(segment.arrival))
        return rows - torn

    def advance(self, until: int, max_rows: int) -> list[Batch]:
        """Rows that have arrived by `until`, at most `max_rows`; a book is never cut, so 10 rows may come at once."""
        made: list[Batch] = []
        left = max_rows
        while left > 0:
            segment = self._next_segment(until)
            if segment is None:
                break
            due = int(np.searchsorted(segment.arrival, until, side="right"))
            take = min(due, left)
            if segment.kind is FrameKind.DEPTH:
                take = _whole_books(due, take, is_first=not made)
            if take == 0:
                break
            if take == len(segment.arrival):
                self._segments.popleft()
            else:
                self._segments[0] = slice_of(segment, take, len(segment.arrival))
                segment = slice_of(segment, 0, take)
            self._row += take
            left -= take
            if segment.fault is not None:
                self._count(segment)
            made.append(Batch(segment.kind, segment.columns, self.position, segment.payload))
            self._close_chapter_if_done()
        return made

    def next_time(self) -> int | None:
        """Arrival of the next row, ns UTC; the next session's first after a close."""
        self._load()
        return int(self._segments[0].arrival[0])

    # The pieces: a session's plan, the minute drawn, the chapter's segments not yet handed out.

    @property
    def _planned(self) -> Plan:
        assert self._plan is not None  # noqa: S101 — set by seek(0) in __init__, for the type checker
        return self._plan

    @property
    def _drawn(self) -> Minute:
        assert self._minute is not None  # noqa: S101 — set by _open_session, for the type checker
        return self._minute

    def _open_session(self, number: int, sparse: int) -> None:
        if self._plan is None or (self._plan.number, self._plan.sparse_minutes) != (number, sparse):
            events = self._options.rows(number, sparse)
            day = self._days.day(number)
            self._plan = plan_session(self._universe, day, self._seed, sparse, self._rates, events)
        self._base = (number << _DAY_SHIFT) | (_SPARSE_BIT if sparse else 0)
        self._row = 0
        self._open_minute(0)

    def _open_minute(self, minute: int) -> None:
        self._at_minute = minute
        self._minute = Minute(self._universe, self._planned, minute, self._seed, self._options)
        self._chapter = 0
        self._segments: deque[Segment] = deque()

    def _load(self) -> None:
        if not self._segments:
            self._segments = deque(self._drawn.render(self._chapter))

    def _next_segment(self, until: int) -> Segment | None:
        if not self._segments:
            if self._drawn.start_of(self._chapter) > until:
                return None
            self._load()
        return self._segments[0] if self._segments[0].arrival[0] <= until else None

    def _close_chapter_if_done(self) -> None:
        if self._segments:
            return
        self._chapter += 1
        if self._chapter < CHAPTERS:
            return
        if self._at_minute + 1 < MINUTES:
            self._open_minute(self._at_minute + 1)
        else:
            self._open_session(self._planned.number + 1, 0)

    def _count(self, segment: Segment) -> None:
        fault = segment.fault
        if fault is None:
            return
        end = self.position - len(fault) + 1
        for at in np.flatnonzero(fault):
            key = InstrumentId(int(segment.columns["instrument_id"][at]))
            kind = kind_name(int(fault[at]))
            self.injected[key, kind] += 1
            self.injections.append(Injection(end + int(at), key, kind, int(segment.columns["event_time"][at])))


def _whole_books(due: int, take: int, *, is_first: bool) -> int:
    """How many rows of a depth segment to hand out without cutting a book."""
    # The rows of a book arrive together, so `due` never cuts one; only the reader's limit can.
    if is_first and due and take < BOOK_ROWS:
        return BOOK_ROWS
    return take - take % BOOK_ROWS
