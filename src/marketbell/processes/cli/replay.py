"""`marketbell replay`: a recorded source through the engine to files, without a server."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def replay(
        source: Annotated[list[str], typer.Argument(help="Files or folders: ticks or bars in CSV or Parquet.")],
        out: Annotated[Path, typer.Option("--out", help="Folder for the results; it is made if need be.")],
        rules: Annotated[Path | None, typer.Option("--rules", help="A .bell file with alerts to arm first.")] = None,
        watchlist: Annotated[
            list[str] | None, typer.Option("--watchlist", help="NAME=NSE:A,NSE:B for rules on a watchlist.")
        ] = None,
        calendar: Annotated[str | None, typer.Option("--calendar", help="XNSE, XNYS, 24/7, NONE ...")] = None,
        format_: Annotated[
            str | None, typer.Option("--format", help="Force the format: ticks, daily, minute or session.")
        ] = None,
        gaps: Annotated[
            str, typer.Option("--gaps", help="Rows behind a gap of over 60 s: drop (as the definition reads) or keep.")
        ] = "drop",
        as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    ) -> None:
        """Replay recorded market data and write bars, snapshot, quality events and firings to files."""
        from marketbell.core.primitives.errors import UserError
        from marketbell.processes.cli.recorded import show_progress, watchlists
        from marketbell.wiring.replay import replay_to_files

        if gaps not in {"drop", "keep"}:
            raise UserError(f"--gaps is drop or keep, not '{gaps}'")
        summary = replay_to_files(
            source,
            out,
            rules=rules,
            watchlists=watchlists(watchlist or []),
            calendar=calendar,
            format_=format_,
            keeps_gaps=gaps == "keep",
            on_progress=show_progress if sys.stderr.isatty() else None,
        )
        if as_json:
            typer.echo(json.dumps(summary))
            return
        dropped = ", ".join(f"{count:,} {kind}" for kind, count in summary["dropped"].items()) or "none"
        typer.echo(f"{summary['source']} ({summary['calendar']}): {summary['instruments']:,} instruments")
        typer.echo(f"read {summary['ticks_read']:,}, accepted {summary['accepted']:,}, dropped: {dropped}")
        if "chains" in summary:
            noted = ", ".join(f"{count:,} {kind}" for kind, count in summary["chain_notes"].items()) or "none"
            typer.echo(f"{summary['chains']:,} option chains, {summary['chains_late']:,} late, unusual: {noted}")
        for note in summary.get("fundamentals", {}).get("notes", ()):
            typer.echo(note)
        if summary["dropped"].get("future_timestamp"):
            typer.echo("future_timestamp: ahead of the source's clock by over 60 s; --gaps keep reads on behind a gap")
        typer.echo(
            f"{summary['bars_1m']:,} minute bars, {summary['bars_1d']:,} daily bars, {summary['firings']:,} firings"
            f" in {summary['seconds']:.2f} s -> {out}"
        )
