"""`marketbell options`: what recorded option chains say."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from marketbell.core.options.model import Model

if TYPE_CHECKING:
    from marketbell.core.options.analysis import Analysed
    from marketbell.core.options.note import Note

_ROWS = 40
_NOTHING = "-"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    options = typer.Typer(help="Option chains: analyze.", no_args_is_help=True)
    options.command("analyze")(analyze)
    app.add_typer(options, name="options")


def analyze(
    file: Annotated[str, typer.Argument(help="Chains as JSON, CSV or Parquet, also gzipped or zipped.")],
    model: Annotated[Model, typer.Option("--model", help="black76, bsm, nse (an approximation) or american.")] = (
        Model.BLACK76
    ),
    rate: Annotated[
        float | None, typer.Option("--rate", help="A fraction a year, continuous; else 0, 0.065 (bsm), 0.10 (nse).")
    ] = None,
    dividend_yield: Annotated[float, typer.Option("--dividend-yield", help="A fraction a year: bsm, american.")] = 0.0,
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", help="A date, nearest, next or monthly; states it where the file does not."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="A moment, Indian time unless it says otherwise; likewise.")
    ] = None,
    underlying: Annotated[str | None, typer.Option("--underlying", help="NIFTY, NSE:RELIANCE ...; likewise.")] = None,
    spot: Annotated[
        float | None, typer.Option("--spot", help="Price of the underlying, where the file has none.")
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Force the format; a wrong one lists them.")] = None,
    strikes: Annotated[int, typer.Option("--strikes", min=0, help="Strikes to show around the money.")] = 21,
    notes: Annotated[bool, typer.Option("--notes", help="List every note on unusual rows.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; notes go to standard error.")
    ] = False,
) -> None:
    """Volatilities, Greeks and metrics of recorded chains.

    For example: marketbell options analyze chain.json.gz --model bsm --rate 0.065 --json
    """
    from marketbell.core.options.document import analyze_document
    from marketbell.core.options.model import ModelSettings
    from marketbell.wiring.options import analyse_file

    settings = ModelSettings(model, rate, dividend_yield)
    found = analyse_file(file, settings, format_=format_, expiry=expiry, as_of=as_of, underlying=underlying, spot=spot)
    if as_json:
        import orjson

        sys.stdout.buffer.write(orjson.dumps(analyze_document(found.analysed)) + b"\n")
        sys.stdout.flush()
        _write_notes(found.file.notes, everything=notes, err=True)
        return
    _write_tables(found.analysed, strikes)
    _write_notes(found.file.notes, everything=notes, err=False)


def _write_tables(analysed: Sequence["Analysed"], strikes: int) -> None:
    first = analysed[0]
    rate = f"{100 * first.settings.rate_used:g} %"
    about = " (an approximation of the exchange's unpublished method)" if first.settings.model is Model.NSE else ""
    count = f"{len(analysed):,} chain{'s' if len(analysed) > 1 else ''}"
    typer.echo(f"{first.settings.model.value}{about}, rate {rate}, {count}")
    names = (
        "underlying", "expiry", "as of", "spot", "days", "forward", "from", "ATM", "straddle", "IV %", "PCR OI",
        "PCR vol", "max pain",
    )  # fmt: skip
    shown = list(analysed[-_ROWS:])
    _table(names, [_summary(one) for one in shown])
    if len(analysed) > len(shown):
        typer.echo(
            f"... and {len(analysed) - len(shown):,} earlier: --as-of, --expiry and --underlying pick, --json has all"
        )
    if len(analysed) == 1 and strikes:
        _write_chain(first, strikes)


def _summary(one: "Analysed") -> list[str]:
    from marketbell.core.options.document import moment
    from marketbell.core.options.expiry import UNKNOWN

    chain, metrics = one.chain, one.metrics
    return [
        chain.underlying,
        _NOTHING if chain.expiry == UNKNOWN else chain.expiry.isoformat(),
        (moment(chain.as_of) or _NOTHING).partition(".")[0],
        _text(chain.spot),
        _text(one.t_years * 365, 2),
        _text(one.forward),
        one.forward_source or _NOTHING,
        _text(metrics["atm_strike"]),
        _text(metrics["atm_straddle"]),
        _text(metrics["atm_iv"]),
        _text(metrics["pcr_oi"], 3),
        _text(metrics["pcr_volume"], 3),
        _text(metrics["max_pain"]),
    ]


def _write_chain(one: "Analysed", strikes: int) -> None:
    """The strikes around the money, calls to the left, puts to the right."""
    import numpy as np

    from marketbell.core.options.document import analyze_document

    chain = one.chain
    rows = analyze_document([one])["expiries"][0]["strikes"]
    middle = int(np.abs(chain.strikes - chain.spot).argmin()) if chain.spot > 0 else len(rows) // 2
    start = max(0, min(middle - strikes // 2, len(rows) - strikes))
    columns = ("oi", "volume", "delta", "iv", "price")
    table = [
        [
            *(_text(row["call"][name], _DIGITS[name]) for name in columns),
            _text(row["strike"]),
            *(_text(row["put"][name], _DIGITS[name]) for name in reversed(columns)),
        ]
        for row in rows[start : start + strikes]
    ]
    typer.echo()
    heads = ("OI", "volume", "delta", "IV %", "call")
    _table((*heads, "strike", "put", *reversed(heads[:-1])), table)
    states = Counter(str(row[side]["status"]) for row in rows for side in ("call", "put"))
    typer.echo("contracts: " + ", ".join(f"{name} {count}" for name, count in states.most_common()))


_DIGITS = {"oi": 0, "volume": 0, "delta": 3, "iv": 2, "price": 2}


def _write_notes(notes: Sequence["Note"], *, everything: bool, err: bool) -> None:
    """Each kind with how many and where first; all places with `everything`."""
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(f"{note.kind}: {note.text}", []).append(note)
    for kind, found in kinds.items():
        shown = found if everything else found[:1]
        places = "; ".join(f"{one.where} ({one.count:,})" if everything else one.where for one in shown)
        typer.echo(f"note {kind} - {sum(one.count for one in found):,}, first {places}", err=err)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(name), *(len(row[at]) for row in rows)) for at, name in enumerate(names)]
    for row in (names, *rows):
        typer.echo("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _text(value: object, digits: int = 2) -> str:
    if not isinstance(value, float | int) or math.isnan(value):
        return _NOTHING
    return f"{value:,.{digits}f}"
