"""`marketbell screen`: who meets a condition, in recorded data or in the running market."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketbell.core.primitives.errors import UserError

if TYPE_CHECKING:
    from marketbell.core.screening.table import Found
    from marketbell.processes.cli.api_client import Api

Cell = float | int | str | bool | None
_MOST = 1 << 30
_SHOWN = 50
_PAGE = 500


class Format(StrEnum):
    """How the rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("screen")(screen)


def screen(
    text: Annotated[str, typer.Argument(help="An expression, a `screen ...` text, or the id of a ready screen.")],
    data: Annotated[
        list[str] | None, typer.Option("--data", help="A file or folder; may stand several times. Else the market now.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A date or a time; else the newest.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="So many rows.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.TABLE,
    calendar: Annotated[str | None, typer.Option("--calendar", help="XNSE, XNYS, 24/7, NONE ...")] = None,
    save: Annotated[str | None, typer.Option("--save", metavar="NAME", help="Keep it in the running market.")] = None,
    leave_when: Annotated[
        str | None,
        typer.Option("--leave-when", metavar="CONDITION", help="With --save: a member stays until this holds."),
    ] = None,
    api: Annotated[str | None, typer.Option("--api", metavar="URL", help="Where Marketbell answers.")] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", metavar="DIR", help="Where its owner.token is.")] = None,
) -> None:
    """Say who meets a condition: symbol and columns, in the screen's order.

    For example: marketbell screen 'pe < 15 and roe > 15' --data FOLDER
    """
    if save is not None and (data or as_of is not None):
        raise UserError("--save keeps a screen in the running market: leave out --data and --as-of")
    if leave_when is not None and save is None:
        raise UserError("--leave-when is said of a screen that is kept: add --save NAME")
    if not text.strip():
        raise UserError("the screen is empty: write a condition, like pe < 15 and roe > 15")
    most = limit or (_SHOWN if format_ is Format.TABLE else _MOST)
    if data:
        from marketbell.wiring.screen import screen_files

        found = _of_files(screen_files(data, text, as_of=as_of, limit=most, calendar=calendar))
    else:
        from marketbell.processes.cli.api_client import Api

        server = Api(api, data_dir)
        found = _of_server(server, text if save is None else _saved(server, text, save, leave_when), as_of, most)
    write(found, format_)


def _of_files(found: "Found") -> dict[str, Any]:
    columns = [one.as_dict() for one in found.columns]
    items = [
        {"instrument": key, "symbol": key.partition(":")[2], "values": list(values)}
        for key, values in zip(found.keys, found.values, strict=True)
    ]
    return {
        "as_of": _iso(found.as_of),
        "count": found.count,
        "columns": columns,
        "items": items,
        "chips": [{"text": text, "count": count} for text, count in found.chips],
        "unknown": {
            "count": found.unknown,
            "fields": [{"field": name, "count": count} for name, count in found.unknown_fields.items()],
        },
    }


def _saved(server: "Api", text: str, name: str, leave_when: str | None) -> str:
    """Keep the screen; gives its text as it is kept."""
    from marketbell.core.language.printer import print_screen
    from marketbell.core.screening.templates import TEMPLATES

    ready = TEMPLATES.get(text.strip())
    body = {"name": name, "text": text if ready is None else print_screen(ready.screen), "leave_when": leave_when}
    made = server.call("POST", "/api/screens", body)
    typer.echo(f'kept as "{made["name"]}" ({made["screen_id"]})', err=True)
    return str(made["text"])


def _of_server(server: "Api", text: str, as_of: str | None, most: int) -> dict[str, Any]:
    from marketbell.core.screening.templates import TEMPLATES

    asked: dict[str, Any] = {"screen_id": text.strip()} if text.strip() in TEMPLATES else {"text": text}
    if as_of is not None:
        asked["as_of"] = as_of
    answer: dict[str, Any] = {}
    items: list[Any] = []
    cursor: str | None = None
    while True:
        page = {"limit": min(_PAGE, most - len(items))} | ({"cursor": cursor} if cursor else {})
        answer = server.call("POST", "/api/screens/run", asked | page)
        items += answer["items"]
        cursor = answer.get("next_cursor")
        if cursor is None or len(items) >= most:
            return answer | {"items": items}


def write(found: Mapping[str, Any], format_: Format) -> None:
    """Rows to standard output: as JSON with all that was said, else the columns, `symbol` first."""
    names = [str(one["expression"]) for one in found["columns"]]
    at = [number for number, name in enumerate(names) if name != "symbol"]
    heading = ["symbol", *(names[number] for number in at)]
    rows = [[item["symbol"], *(item["values"][number] for number in at)] for item in found["items"]]
    if format_ is Format.JSON:
        items = [
            {"symbol": item["symbol"], "instrument": item["instrument"], **dict(zip(heading[1:], row[1:], strict=True))}
            for item, row in zip(found["items"], rows, strict=True)
        ]
        said = {name: found.get(name) for name in ("as_of", "count", "chips", "unknown")}
        typer.echo(json.dumps(said | {"columns": heading, "items": items}, ensure_ascii=False))
    elif format_ is Format.CSV:
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(heading)
        table.writerows([["" if cell is None else cell for cell in row] for row in rows])
        sys.stdout.write(out.getvalue())
    else:
        _table(heading, rows)
        count = f"{len(rows)} of {found['count']:,}" if len(rows) < found["count"] else f"{found['count']:,}"
        unknown = found.get("unknown") or {}
        lacking = ", ".join(f"{one['field']} {one['count']:,}" for one in (unknown.get("fields") or ())[:3])
        more = f"; unknown: {unknown['count']:,}{f' ({lacking})' if lacking else ''}" if unknown.get("count") else ""
        typer.echo(f"{count} at {found['as_of']}{more}", err=True)


def _table(heading: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    texts = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [heading, *texts]) for at in range(len(heading))]
    for row in [heading, *texts]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        typer.echo("  ".join(cells).rstrip())


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 1e15 else f"{value:.4g}"
    return str(value)


def _iso(nanoseconds: int) -> str | None:
    """ISO-8601 UTC; None where no time is known."""
    from datetime import UTC, datetime, timedelta

    if nanoseconds <= 0:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1_000)
    return at.isoformat().replace("+00:00", "Z")
