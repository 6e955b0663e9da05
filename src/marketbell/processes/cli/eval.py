"""`marketbell eval`: the values of fields over recorded data, as a long table."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from marketbell.core.primitives.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("eval")
    def evaluate(
        expression: Annotated[list[str], typer.Argument(help="'NAME = FIELD', or just a field.")],
        data: Annotated[list[str], typer.Option("--data", help="A file or folder; may stand several times.")],
        out: Annotated[
            Path | None, typer.Option("--out", help="A .parquet or .csv file instead of the terminal.")
        ] = None,
        calendar: Annotated[str | None, typer.Option("--calendar", help="XNSE, XNYS, 24/7, NONE ...")] = None,
        format_: Annotated[
            str | None, typer.Option("--format", help="Force the format: ticks, daily, minute or session.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
    ) -> None:
        """Evaluate fields per bar of the file, or per accepted tick: instrument, time, name, value."""
        from marketbell.wiring.replay import fields_of, save_table

        table = fields_of(data, [_named(text) for text in expression], calendar=calendar, format_=format_)
        if as_json and out is None:
            import orjson

            times = table.column("time").cast("int64").to_pylist()
            rows = [
                {"instrument": key, "time": _iso(moment), "name": name, "value": value}
                for key, moment, name, value in zip(
                    table.column("instrument").to_pylist(),
                    times,
                    table.column("name").to_pylist(),
                    table.column("value").to_pylist(),
                    strict=True,
                )
            ]
            sys.stdout.buffer.write(orjson.dumps({"items": rows}) + b"\n")
            return
        save_table(table, out, sys.stdout.buffer)
        if out is not None:
            typer.echo(f"{table.num_rows:,} values -> {out}", err=True)


def _named(text: str) -> tuple[str, str]:
    """The name and the expression of `NAME = EXPRESSION`."""
    name, separator, body = text.partition("=")
    if not separator:
        return text.strip(), text.strip()
    if not name.strip() or not body.strip() or body.startswith("="):
        raise UserError(f"`{text}` is not of the form NAME = FIELD")
    return name.strip(), body.strip()


def _iso(nanoseconds: int) -> str:
    """ISO-8601 UTC with as many decimals as it needs."""
    import numpy as np

    text = str(np.datetime64(nanoseconds, "ns"))
    return text.rstrip("0").rstrip(".") + "Z" if "." in text else text + "Z"
