"""The live table on a terminal: one row a child, below the lines they say."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Console as RichConsole
from rich.live import Live
from rich.table import Table
from rich.text import Text

from marketbell.processes.up.spec import Child

COLOURS = {
    "ready": "green",
    "done": "green",
    "starting": "yellow",
    "waiting": "dim",
    "degraded": "yellow",
    "restarting": "yellow",
    "crash loop": "red",
    "stopping": "dim",
    "stopped": "dim",
}
SHOWN_FACTS = ("lag", "lag_frames", "ticks_per_s", "rate", "clients", "unsent", "clock")


def facts_of(heartbeat: Mapping[str, Any]) -> str:
    """The few numbers of a heartbeat that tell most."""
    detail = heartbeat.get("detail")
    if not isinstance(detail, Mapping):
        return ""
    return "  ".join(f"{name} {detail[name]}" for name in SHOWN_FACTS if name in detail)


class Screen:
    """Draws what `children` gives, twice a second; `say` prints a line above."""

    def __init__(self, title: Callable[[], str], children: Callable[[], Iterable[Child]]) -> None:
        self._title = title
        self._children = children
        self._console = RichConsole(highlight=False)
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            refresh_per_second=2,
            transient=True,
            redirect_stdout=False,
        )

    def start(self) -> None:
        """Begin to draw."""
        self._live.start()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def say(self, text: str) -> None:
        """One line above the table."""
        self._console.print(Text(text), soft_wrap=True)

    def _draw(self) -> Table:
        table = Table(title=self._title(), title_justify="left", pad_edge=False)
        for name, justify in (("process", "left"), ("state", "left"), ("pid", "right"), ("port", "right")):
            table.add_column(name, justify="right" if justify == "right" else "left")
        table.add_column("MB", justify="right")
        table.add_column("restarts", justify="right")
        table.add_column("")
        for child in self._children():
            if child.spec.once and child.state == "done":
                continue
            table.add_row(
                child.spec.name,
                Text(child.state, style=COLOURS.get(child.state, "")),
                str(child.pid or ""),
                str(child.spec.port or ""),
                f"{child.pss / 1e6:.0f}" if child.pss else "",
                str(child.restarts or ""),
                child.reason or facts_of(child.heartbeat),
            )
        return table
