"""When a child that ended is started again: a decision without a clock of its own."""

from collections import deque
from dataclasses import dataclass, field

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
LOOP_EXITS = 6
LOOP_WINDOW_S = 60.0
LOOP_DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class Again:
    """Start again after `delay_s`. `is_loop` says that it keeps ending and is only tried slowly from now on."""

    delay_s: float
    is_loop: bool


@dataclass(slots=True)
class Backoff:
    """The delay doubles with each end inside the window and is forgotten once a run outlives the window."""

    _ends: deque[float] = field(default_factory=deque)

    def ended(self, now_s: float) -> Again:
        """Note an end at `now_s` (any steady clock) and say when to start again."""
        self._ends.append(now_s)
        # slow tries come LOOP_DELAY_S apart: the window has to see several of them, or the loop would look mended
        window = LOOP_WINDOW_S if len(self._ends) < LOOP_EXITS else LOOP_EXITS * LOOP_DELAY_S * 2
        while now_s - self._ends[0] > window:
            self._ends.popleft()
        count = len(self._ends)
        if count >= LOOP_EXITS:
            while len(self._ends) > LOOP_EXITS:
                self._ends.popleft()
            return Again(LOOP_DELAY_S, is_loop=True)
        return Again(min(FIRST_DELAY_S * 2 ** (count - 1), LONGEST_DELAY_S), is_loop=False)

    def outlived(self, now_s: float) -> None:
        """Forget the past of a child that has run well for a while."""
        if self._ends and now_s - self._ends[-1] > LOOP_WINDOW_S:
            self._ends.clear()
