"""`marketbell bench`: ours and the peers in turn, in one run, medians."""

import importlib
import json
from typing import Annotated

import typer

from marketbell.core.primitives.errors import UserError
from marketbell.processes.cli.bench.rows import BenchRow, machine

BENCHES = ("engine", "ledger", "live", "options", "rules", "screens")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(rich_help_panel="Measure")
    def bench(
        name: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(BENCHES)}.")],
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Measure Marketbell beside its peers on this machine.

        Example: marketbell bench engine --json
        """
        if name not in BENCHES:
            raise UserError(f"there is no bench '{name}'; known: {', '.join(BENCHES)}")
        facts = machine()
        rows = _run(name)
        if as_json:
            typer.echo(json.dumps({"bench": name, "machine": facts, "rows": [row.as_dict() for row in rows]}))
            return
        _print_table(name, rows)


def _run(name: str) -> list[BenchRow]:
    try:
        module = importlib.import_module(f"marketbell.processes.cli.bench.{name}")
        rows: list[BenchRow] = module.run()
    except ModuleNotFoundError as error:
        message = f"the peer '{error.name}' is not installed here; `./dev bench {name}` installs the peers"
        raise UserError(message) from error
    return rows


def _print_table(name: str, rows: list[BenchRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"bench {name}: medians, ours and the peer in turn")
    for heading in ("case", "unit"):
        table.add_column(heading)
    for heading in ("ours", "peer", "ratio", "target"):
        table.add_column(heading, justify="right")
    table.add_column("peer name")
    table.add_column("met")
    for row in rows:
        table.add_row(
            row.case,
            row.unit,
            f"{row.ours:,.4g}" if row.ours < 1_000 else f"{row.ours:,.0f}",
            "—" if row.peer is None else (f"{row.peer:,.4g}" if row.peer < 1_000 else f"{row.peer:,.0f}"),
            "—" if row.ratio is None else f"{row.ratio:.2f}×",
            "—" if row.target is None else f"≥ {row.target:g}×",
            row.peer_name,
            "—" if row.met is None else ("yes" if row.met else "no"),
        )
    Console().print(table)
