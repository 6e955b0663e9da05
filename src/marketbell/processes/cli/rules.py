"""`marketbell rules`: check a file of rules; arm, list, disarm and export through the running API."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from marketbell.core.primitives.errors import UserError
from marketbell.processes.cli.api_client import Api

if TYPE_CHECKING:
    from marketbell.core.language.errors import RuleErrors
    from marketbell.core.language.tree import Screen

EXIT_USER = 2

_FILE = typer.Argument(help="A .bell file; - reads standard input.", metavar="FILE")
_JSON = typer.Option(False, "--json", help="Answer in JSON.")
_API = typer.Option(None, "--api", metavar="URL", help="Where Marketbell answers; else as set (http://127.0.0.1:8700).")
_DATA = typer.Option(None, "--data-dir", metavar="DIR", help="Where its owner.token is.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules = typer.Typer(no_args_is_help=True, help="Check, arm, list, disarm and export rules.")
    rules.command("check")(check)
    rules.command("arm")(arm)
    rules.command("list")(show)
    rules.command("disarm")(disarm)
    rules.command("export")(export)
    app.add_typer(rules, name="rules")


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


def arm(file: str = _FILE, api: str | None = _API, data_dir: str | None = _DATA, as_json: bool = _JSON) -> None:
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


def show(api: str | None = _API, data_dir: str | None = _DATA, as_json: bool = _JSON) -> None:
    """List your rules with their state."""
    answer = Api(api, data_dir).call("GET", "/api/rules")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    if not answer["items"]:
        typer.echo("no rules yet; `marketbell rules arm FILE` arms some")
    for item in answer["items"]:
        typer.echo(f"{item['state']:<9} {item['rule_uid']}  {item['text']}")


def disarm(
    rule_uid: str = typer.Argument(help="The rule's uid, as `rules list` shows it.", metavar="UID"),
    api: str | None = _API,
    data_dir: str | None = _DATA,
    as_json: bool = _JSON,
) -> None:
    """Take a rule out of the engine. What it fired stays in the inbox."""
    from urllib.parse import quote

    answer = Api(api, data_dir).call("DELETE", f"/api/rules/{quote(rule_uid, safe='')}")
    typer.echo(json.dumps(answer) if as_json else f"disarmed {rule_uid}")


def export(
    out: str | None = typer.Option(None, "--out", metavar="FILE", help="Write to a file instead of the screen."),
    api: str | None = _API,
    data_dir: str | None = _DATA,
) -> None:
    """Write your rules as a .bell file, each with its uid, oldest first."""
    items = [i for i in Api(api, data_dir).call("GET", "/api/rules")["items"] if i["state"] != "disabled"]
    text = "\n".join(f"# rule_uid: {item['rule_uid']}\n{item['text']}\n" for item in reversed(items))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error
    typer.echo(f"{_counted(len(items))} written to {out}")


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


def _counted(count: int) -> str:
    return "1 rule" if count == 1 else f"{count} rules"
