"""Where kernels put what comes of their input: arrays that are used again and again, and how full they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.state import RowState


class Scratch:
    """The outputs of the kernels, by the names and columns of kernel.py."""

    def __init__(self) -> None:
        self.counts = np.zeros(k.NN, np.int64)
        self.bi, self.bf = np.empty((256, 3), np.int64), np.empty((256, 6))
        self.di, self.df = np.empty((64, 3), np.int64), np.empty((64, 6))
        self.qi = np.empty((256, 5), np.int64)
        self.fi, self.ff = np.empty((64, 4), np.int64), np.empty((64, 2))
        self.late_at = np.empty(64, np.int64)
        self.taken, self.taken_f = np.empty((0, 2), np.int64), np.empty(0)
        self.begun, self.begun_i = np.empty((0, 3), np.int64), np.empty((0, k.NI), np.int64)
        self.told, self.told_i = np.empty(0, np.int64), np.empty((0, k.NI), np.int64)
        self.nobody = np.empty(0, np.uint8)
        """The watched rows where none is."""

    def run(self, rows: RowState, inputs: int, kernel: Callable[[], object]) -> None:
        """Call the kernel until it has applied all its inputs, making room whenever it stops before."""
        self.counts[:] = 0
        kernel()
        while self.counts[k.N_DONE] < inputs:
            self.make_room(rows)
            kernel()

    def make_room(self, rows: RowState) -> None:
        """Twice the room wherever the next input may want more than there is."""
        used = self.counts.tolist()
        grew = False
        for names, count, wanted in (
            (("bi", "bf"), used[k.N_BARS], 2 * rows.slots),
            (("di", "df"), used[k.N_DAYS], 2),
            (("qi",), used[k.N_QUALITY], 3),
            (("fi", "ff"), used[k.N_FIRED], used[k.N_WANTED]),
            (("late_at",), used[k.N_LATE], 1),
            (("begun", "begun_i"), used[k.N_BEGUN], 1),
            (("told", "told_i"), used[k.N_TOLD], 1),
        ):
            if count + wanted > len(getattr(self, names[0])):
                grew = True
                for name in names:
                    setattr(self, name, _longer(getattr(self, name), count, 2 * (count + wanted)))
        if not grew:
            rows.grow_ring()

    def make_room_for_ticks(self, count: int) -> None:
        """Room for so many accepted ticks."""
        if len(self.taken_f) < count:
            self.taken, self.taken_f = np.empty((2 * count, 2), np.int64), np.empty(2 * count)


def _longer(array: NDArray[Any], used: int, room: int) -> NDArray[Any]:
    longer = np.empty((room, *array.shape[1:]), array.dtype)
    longer[:used] = array[:used]
    return longer
