"""`marketbell up`: start everything on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("up", epilog="Example: marketbell up --feed replay:ticks/2021-04-28 --speed 60")
    def up(
        feed: Annotated[
            str | None, typer.Option("--feed", help="demo, or replay:PATH of recorded ticks or bars.")
        ] = None,
        speed: Annotated[str | None, typer.Option("--speed", help="Market seconds a second, or max.")] = None,
        loop: Annotated[bool | None, typer.Option("--loop", help="Begin a replay again at its end.")] = None,
        dirty: Annotated[
            bool | None, typer.Option("--dirty", help="Let the demo market make the faults of real feeds.")
        ] = None,
        calendar: Annotated[str | None, typer.Option("--calendar", help="Trading calendar, such as XNSE.")] = None,
        gaps: Annotated[
            str | None, typer.Option("--gaps", help="Rows behind a gap of over 60 s in a replay: drop or keep.")
        ] = None,
        port: Annotated[
            str | None,
            typer.Option("--port", help="Port of the page (8700); the next two serve live and ingest; 0 any."),
        ] = None,
        host: Annotated[str | None, typer.Option("--host", help="Address to listen on (127.0.0.1).")] = None,
        data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
        config: Annotated[
            Path | None, typer.Option("--config", help="Settings file (DATA_DIR/marketbell.toml).")
        ] = None,
        stream_processes: Annotated[
            str | None, typer.Option("--stream-processes", help="Over how many processes the engine's shards go (1).")
        ] = None,
        no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    ) -> None:
        """Start servers, feed, engine and page; Ctrl-C stops them all."""
        import os
        import sys

        from marketbell.processes.up.run import up as run_up
        from marketbell.settings import load

        settings = load(
            config, feed=feed, speed=speed, loop=loop or None, demo__dirty=dirty or None, calendar=calendar,
            gaps=gaps, port=port, host=host, data_dir=data_dir, stream__processes=stream_processes,
        )  # fmt: skip
        has_screen = sys.stdout.isatty() and (sys.platform == "darwin" or bool(os.environ.get("DISPLAY")))
        raise typer.Exit(run_up(settings, opens_browser=has_screen and not no_open))
