"""`marketbell rules`: check, explain and try files of rules; arm, import, list, disarm and export through the API."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marketbell.core.primitives.errors import UserError
from marketbell.processes.cli.api_client import Api

if TYPE_CHECKING:
    from marketbell.core.language.errors import RuleErrors
    from marketbell.core.language.tree import Screen

EXIT_USER = 2
_SLOW_S = 60.0
"""An import of a large file takes its time."""

_FILE = typer.Argument(help="A .bell file; - reads standard input.", metavar="FILE")
_JSON = typer.Option(False, "--json", help="Answer in JSON.")
_API = typer.Option(None, "--api", metavar="URL", help="Where Marketbell answers; else as set (http://127.0.0.1:8700).")
_DATA_DIR = typer.Option(None, "--data-dir", metavar="DIR", help="Where its owner.token is.")
_WATCHLIST = typer.Option(None, "--watchlist", metavar="NAME=KEYS", help="NAME=NSE:A,NSE:B for rules on a watchlist.")
_CALENDAR = typer.Option(None, "--calendar", help="XNSE, XNYS, 24/7, NONE ...")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(no_args_is_help=True, help="Check, try, arm, list, disarm, import and export rules.")
    rules.command("check")(check)
    rules.command("explain")(explain)
    rules.command("backtest")(backtest)
    rules.command("arm")(arm)
    rules.command("import")(import_)
    rules.command("list")(show)
    rules.command("disarm")(disarm)
    rules.command("export")(export)
    app.add_typer(rules, name="rules")


# --- without a server ---------------------------------------------------------------------------------------------


def check(file: str = _FILE, as_json: bool = _JSON) -> None:
    """Read a file and say everything that is wrong with it, as FILE:LINE:COLUMN: message."""
    from marketbell.core.language.errors import RuleErrors
    from marketbell.core.language.printer import print_tree
    from marketbell.core.language.reader import parse_file
    from marketbell.core.language.tree import Rule

    errors: list[dict[str, Any]] = []
    rules: list[Rule | Screen] = []
    try:
        rules = parse_file(read(file))
    except RuleErrors as error:
        errors = [
            {"line": e.line, "column": e.column, "message": e.message, "reason": e.facts.get("reason", "syntax")}
            for e in error.errors
        ]
        if not as_json:
            sys.stderr.write("".join(f"{line}\n" for line in told(file, error)))
    if as_json:
        listed = [
            {
                "name": one.name,
                "rule_uid": one.rule_uid if isinstance(one, Rule) else one.screen_uid,
                "text": print_tree(one),
            }
            for one in rules
        ]
        typer.echo(json.dumps({"ok": not errors, "file": file, "rules": listed, "errors": errors}, ensure_ascii=False))
    elif not errors:
        typer.echo(f"{file}: {_counted(len(rules))}, nothing wrong")
    if errors:
        raise typer.Exit(EXIT_USER)


def explain(
    what: str = typer.Argument(help="A .bell file, or the uid of an armed rule.", metavar="FILE|UID"),
    data: Annotated[
        list[str] | None, typer.Option("--data", help="A file or folder: about how many of its instruments.")
    ] = None,
    watchlist: list[str] | None = _WATCHLIST,
    calendar: str | None = _CALENDAR,
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """Say in plain words what rules mean, and what watching them costs and needs.

    For example: marketbell rules explain my.bell --data FOLDER
    """
    if Path(what).is_file():
        from marketbell.processes.cli.recorded import watchlists
        from marketbell.wiring.backtest import explained

        plans = explained(what, data, watchlists=watchlists(watchlist or []), calendar=calendar)
    elif data:
        raise UserError(f"cannot read {what}: --data goes with a file of rules")
    else:
        plans = [_stored_plan(what, api, data_dir)]
    if as_json:
        typer.echo(json.dumps({"rules": plans}, ensure_ascii=False))
        return
    typer.echo("\n\n".join("\n".join(_plan_lines(plan)) for plan in plans))


def _stored_plan(uid: str, api: str | None, data_dir: str | None) -> dict[str, Any]:
    from urllib.parse import quote

    door, path = Api(api, data_dir), f"/api/rules/{quote(uid, safe='')}"
    rule = door.call("GET", path)
    return {name: rule[name] for name in ("name", "text", "sentence")} | door.call("GET", f"{path}/explain")


def _plan_lines(plan: Mapping[str, Any]) -> list[str]:
    warm = ", ".join(f"{one['bars']:,} of {one['timeframe']}" for one in plan["warm_up"]) or "none"
    symbols, evaluations = plan["symbols"], plan["evaluations_per_day"]
    who = "not known without --data" if symbols is None else f"{symbols:,}"
    lines = [
        plan["name"],
        f"  {plan['sentence']}",
        f"  {plan['text']}",
        f"  timing            {plan['timing']}",
        f"  instruments       {who}",
        f"  sub-expressions   {plan['sub_expressions']:,}"
        + (f", {plan['shared']:,} of them shared with your other rules" if "shared" in plan else ""),
    ]
    if evaluations is not None:
        lines.append(f"  evaluations a day {evaluations:,}")
    lines += [
        f"  warm-up           {warm}",
        f"  feeds             {', '.join(plan['feeds'])}",
        f"  fields            {', '.join(plan['fields']) or 'none'}",
    ]
    return [*lines, *(f"  note: {note}" for note in plan["notes"])]


def backtest(
    file: str = typer.Argument(help="A .bell file with alerts.", metavar="FILE"),
    *,
    data: Annotated[list[str], typer.Option("--data", help="A file or folder; may stand several times.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; it is made if need be.")],
    start: str | None = typer.Option(None, "--from", help="A date or a time; what lies before only warms."),
    end: str | None = typer.Option(None, "--to", help="A date, through which firings count, or a time."),
    watchlist: list[str] | None = _WATCHLIST,
    calendar: str | None = _CALENDAR,
    format_: str | None = typer.Option(None, "--format", help="Force the format: ticks, daily, minute or session."),
    gaps: str = typer.Option("drop", "--gaps", help="Rows behind a gap of over 60 s: drop or keep."),
    as_json: bool = _JSON,
) -> None:
    """Try rules on recorded data, with the engine that watches live: firings.parquet, summary.json, report.md.

    For example: marketbell rules backtest my.bell --data FOLDER --from 2021-01-01 --out results
    """
    from marketbell.processes.cli.recorded import show_progress, watchlists
    from marketbell.wiring.backtest import backtest_to_files

    if gaps not in {"drop", "keep"}:
        raise UserError(f"--gaps is drop or keep, not '{gaps}'")
    summary = backtest_to_files(
        file,
        data,
        out,
        start=start,
        end=end,
        watchlists=watchlists(watchlist or []),
        calendar=calendar,
        format_=format_,
        keeps_gaps=gaps == "keep",
        on_progress=show_progress if sys.stderr.isatty() else None,
    )
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    history = summary["history"]
    typer.echo(
        f"{summary['source']}: {history['bars']:,} rows of {history['timeframe']} of {history['instruments']:,} "
        f"instruments in {summary['seconds']:.2f} s -> {out}"
    )
    for one in summary["rules"]:
        noisy = ", noisy" if one["is_noisy"] else ""
        typer.echo(
            f"{one['fires']:>8,} x {one['rule']} ({one['symbols_fired']:,} instruments, {one['per_day']:.2f} a trading "
            f"day, noise {one['noise_score']:.0f}{noisy})"
        )
        for note in one["notes"]:
            typer.echo(f"           {note}")


# --- through the API ----------------------------------------------------------------------------------------------


def arm(file: str = _FILE, api: str | None = _API, data_dir: str | None = _DATA_DIR, as_json: bool = _JSON) -> None:
    """Arm every rule of a file in the running Marketbell. Arming the same rule again changes nothing."""
    from marketbell.core.language.errors import RuleErrors
    from marketbell.core.language.printer import print_file
    from marketbell.core.language.reader import parse_rules

    try:
        rules = parse_rules(read(file))
    except RuleErrors as error:
        sys.stderr.write("".join(f"{line}\n" for line in told(file, error)))
        raise typer.Exit(EXIT_USER) from error
    if not rules:
        raise UserError(f"{file}: there is no rule in this file")
    door = Api(api, data_dir)
    armed: list[dict[str, Any]] = []
    for rule in rules:
        try:
            armed.append(door.call("POST", "/api/rules", {"text": print_file([rule])}))
        except UserError as error:
            place = rule.on[0].position if error.code == "invalid_rule" else rule.position
            text = error.message.partition(": ")[2] if error.message[:1].isdigit() else error.message
            done = f" ({_counted(len(armed))} before it armed)" if armed else ""
            sys.stderr.write(f"{file}:{place.line}:{place.column}: {text}{done}\n")
            raise typer.Exit(EXIT_USER) from error
    if as_json:
        typer.echo(json.dumps({"items": armed}, ensure_ascii=False))
        return
    for item in armed:
        typer.echo(f"{item['state']} {item['rule_uid']} {item['name']}")


def import_(
    path: str = typer.Argument(help="A .bell file, or a folder of them; - reads standard input.", metavar="FILE|DIR"),
    group: str | None = typer.Option(None, "--group", help="Their group; else the name of the file or folder."),
    prune: bool = typer.Option(False, "--prune", help="Disarm rules of the group that are in no file any more."),
    dry_run: bool = typer.Option(False, "--check", help="Only check them, as `rules check` does."),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """Bring rules from files: what is new or changed is armed, what is the same stays as it is. All, or none.

    The files are the truth of their group. For example, in a pipeline: marketbell rules import rules/ --prune
    """
    from marketbell.core.language.errors import RuleErrors
    from marketbell.core.language.reader import parse_file

    files = _bell_files(path)
    texts = [read(one) for one in files]
    is_wrong = False
    for name, text in zip(files, texts, strict=True):
        try:
            parse_file(text)
        except RuleErrors as error:
            is_wrong = True
            sys.stderr.write("".join(f"{line}\n" for line in told(name, error)))
    if is_wrong:
        raise typer.Exit(EXIT_USER)
    if dry_run:
        typer.echo(f"{path}: {len(files)} {'file' if len(files) == 1 else 'files'}, nothing wrong")
        return
    named = group if group is not None else "" if path == "-" else Path(path).resolve().stem
    try:
        answer = Api(api, data_dir).call(
            "POST",
            "/api/rules/import",
            {"text": "\n".join(_with_end(text) for text in texts), "group": named, "prune": prune},
            timeout_s=_SLOW_S,
        )
    except UserError as error:
        if error.code != "invalid_rule":
            raise
        sys.stderr.write(f"{_placed(error.message, files, texts)}\n")
        raise typer.Exit(EXIT_USER) from error
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    typer.echo(
        f"{named or 'no group'}: {answer['armed']} armed, {answer['changed']} changed, "
        f"{answer['unchanged']} unchanged, {answer['disarmed']} disarmed"
    )


def show(
    group: str | None = typer.Option(None, "--group", help="Only those of a group."),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """List your rules with their state."""
    answer = Api(api, data_dir).call("GET", "/api/rules")
    items = [item for item in answer["items"] if group in {None, item.get("group", "")}]
    if as_json:
        typer.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    if not items:
        typer.echo("no rules yet; `marketbell rules arm FILE` arms some")
    for item in items:
        problem = f"  # {item['problem']}" if item.get("problem") else ""
        typer.echo(f"{item['state']:<9} {item['rule_uid']}  {item['text']}{problem}")


def disarm(
    rule_uid: str = typer.Argument(help="The rule's uid, as `rules list` shows it.", metavar="UID"),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """Take a rule out of the engine. What it fired stays in the inbox."""
    from urllib.parse import quote

    answer = Api(api, data_dir).call("DELETE", f"/api/rules/{quote(rule_uid, safe='')}")
    typer.echo(json.dumps(answer) if as_json else f"disarmed {rule_uid}")


def export(
    out: str | None = typer.Option(None, "--out", metavar="FILE", help="Write to a file instead of the screen."),
    group: str | None = typer.Option(None, "--group", help="Only those of a group."),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
) -> None:
    """Write your rules as a .bell file, each with its uid, oldest first."""
    items = [
        item
        for item in Api(api, data_dir).call("GET", "/api/rules")["items"]
        if item["state"] != "disabled" and group in {None, item.get("group", "")}
    ]
    text = "\n".join(f"# rule_uid: {item['rule_uid']}\n{item['text']}\n" for item in reversed(items))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error
    typer.echo(f"{_counted(len(items))} written to {out}")


# --- texts --------------------------------------------------------------------------------------------------------


def read(file: str) -> str:
    """The text of a file of rules. UserError where it cannot be read."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{file}: line {line} is not UTF-8 text") from error


def told(file: str, error: "RuleErrors") -> list[str]:
    """The errors of a file, one line each: FILE:LINE:COLUMN: message."""
    return [f"{file}:{e.line}:{e.column}: {' '.join(e.message.split())}" for e in error.errors]


def _bell_files(path: str) -> list[str]:
    """The files of a path, by name. UserError where there is none."""
    if path == "-" or not Path(path).is_dir():
        return [path]
    files = sorted(str(one) for one in Path(path).rglob("*.bell"))
    if not files:
        raise UserError(f"{path}: there is no .bell file in this folder")
    return files


def _with_end(text: str) -> str:
    """So that the first line of the next file is a line of its own."""
    return text if text.endswith("\n") or not text else f"{text}\n"


def _placed(message: str, files: Sequence[str], texts: Sequence[str]) -> str:
    """The first error of several files in one text, at its place in its own file."""
    line, _, rest = message.partition(":")
    column, _, said = rest.partition(": ")
    if not (line.isdigit() and column.isdigit()):
        return f"{files[0]}: {message}"
    left = int(line)
    for name, text in zip(files, texts, strict=True):
        lines = _with_end(text).count("\n") + 1  # an empty line parts it from the next
        if left <= lines:
            return f"{name}:{left}:{column}: {said}"
        left -= lines
    return message


def _counted(count: int) -> str:
    return "1 rule" if count == 1 else f"{count} rules"
