"""`marketbell eval`: the values of expressions over recorded data, as a long table."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from marketbell.core.primitives.errors import UserError

_NAMED = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*=(?!=)")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("eval")
    def evaluate(
        expression: Annotated[list[str], typer.Argument(help="'NAME = EXPRESSION', or just an expression.")],
        data: Annotated[list[str], typer.Option("--data", help="A file or folder; may stand several times.")],
        out: Annotated[
            Path | None, typer.Option("--out", help="A .parquet or .csv file; `-` is standard output.")
        ] = None,
        calendar: Annotated[str | None, typer.Option("--calendar", help="XNSE, XNYS, 24/7, NONE ...")] = None,
        format_: Annotated[
            str | None, typer.Option("--format", help="Force the format: ticks, daily, minute or session.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
    ) -> None:
        """Evaluate expressions per bar, or per accepted tick: instrument, time, name, value.

        For example: marketbell eval 'r = rsi(close, 14)@1d' 'above = close > sma(close, 50)@1d' --data FILE
        """
        from marketbell.wiring.replay import fields_of, save_table

        table = fields_of(data, [_named(text) for text in expression], calendar=calendar, format_=format_)
        if out == Path("-"):
            out = None
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
    """The name and the expression of `NAME = EXPRESSION`; the expression keeps its place in the argument."""
    match = _NAMED.match(text)
    if match is None:
        if not text.strip():
            raise UserError("an expression is empty: write 'NAME = EXPRESSION', or just an expression")
        return text.strip(), text
    if not text[match.end() :].strip():
        raise UserError(f"`{text.strip()}` has no expression behind the `=`")
    return match[1], " " * match.end() + text[match.end() :]


def _iso(nanoseconds: int) -> str:
    """ISO-8601 UTC with as many decimals as it needs."""
    import numpy as np

    text = str(np.datetime64(nanoseconds, "ns"))
    return text.rstrip("0").rstrip(".") + "Z" if "." in text else text + "Z"
