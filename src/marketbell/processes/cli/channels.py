"""`marketbell channels`: list the channels of the running Marketbell, and try one."""

import json
from typing import Any

import typer

from marketbell.core.primitives.errors import NotFoundError, UserError
from marketbell.processes.cli.api_client import Api

EXIT_NOT_DELIVERED = 1
_SLOW_S = 30.0
"""A mail server may take its time."""

_JSON = typer.Option(False, "--json", help="Answer in JSON.")
_API = typer.Option(None, "--api", metavar="URL", help="Where Marketbell answers; else as set (http://127.0.0.1:8700).")
_DATA_DIR = typer.Option(None, "--data-dir", metavar="DIR", help="Where its owner.token is.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    channels = typer.Typer(no_args_is_help=True, help="List channels, and send a test message.")
    channels.command("list", epilog="Example: marketbell channels list")(show)
    channels.command("test", epilog="Example: marketbell channels test slack:desk")(try_one)
    app.add_typer(channels, name="channels")


def show(api: str | None = _API, data_dir: str | None = _DATA_DIR, as_json: bool = _JSON) -> None:
    """List your channels: kind and name as rules write them, where they lead, whether they are on."""
    items = Api(api, data_dir).call("GET", "/api/channels")["items"]
    if as_json:
        typer.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    if not items:
        typer.echo("no channels yet; add one in Settings")
    width = max((len(_word(item)) for item in items), default=0)
    for item in items:
        typer.echo(f"{'on ' if item['is_enabled'] else 'off'}  {_word(item):<{width}}  {item['address_label']}")


def try_one(
    name: str = typer.Argument(help="As `channels list` shows it: a name, KIND:NAME, or an id.", metavar="NAME"),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """Send a test message now; exit code 1 where it was not accepted."""
    door = Api(api, data_dir)
    channel = _found(name, door.call("GET", "/api/channels")["items"])
    answer = door.call("POST", f"/api/channels/{channel['channel_id']}/test", timeout_s=_SLOW_S)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    elif answer["ok"]:
        typer.echo(f"{_word(channel)} accepted the test message ({answer['reference']})")
    else:
        typer.echo(f"{_word(channel)} did not accept it: {answer['error']}", err=True)
    if not answer["ok"]:
        raise typer.Exit(EXIT_NOT_DELIVERED)


def _word(item: dict[str, Any]) -> str:
    return f"{item['kind']}:{item['name']}"


def _found(name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The one channel that is meant. UserError where none is, or several are."""
    fitting = [item for item in items if name in {item["name"], _word(item), item["channel_id"]}]
    if not fitting:
        raise NotFoundError(f"there is no channel {name}; `marketbell channels list` shows yours")
    if len(fitting) > 1:
        found = " or ".join(f"{_word(one)} ({one['channel_id']})" for one in fitting)
        raise UserError(f"{name} may be {found}")
    return fitting[0]
