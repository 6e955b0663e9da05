"""`marketbell alerts` and `marketbell dead-letters`: the inbox, what happened to an alert, what could not be told."""

import json
from typing import Annotated, Any

import typer

from marketbell.core.primitives.errors import UserError
from marketbell.processes.cli.api_client import Api

_JSON = typer.Option(False, "--json", help="Answer in JSON.")
_API = typer.Option(None, "--api", metavar="URL", help="Where Marketbell answers; else as set (http://127.0.0.1:8700).")
_DATA_DIR = typer.Option(None, "--data-dir", metavar="DIR", help="Where its owner.token is.")
_ALERT = typer.Argument(help="The alert's id, as `alerts list` shows it.", metavar="ID")
_CHANNEL = typer.Option(None, "--channel", help="A kind (slack), or a channel's id.")
_SINCE = typer.Option(None, "--since", metavar="TIME", help="Those that died at that time or later (ISO-8601).")
_UNTIL = typer.Option(None, "--until", metavar="TIME", help="Those that died before.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    alerts = typer.Typer(no_args_is_help=True, help="List alerts, tell what happened to one, acknowledge one.")
    alerts.command("list")(show)
    alerts.command("story")(story)
    alerts.command("ack")(ack)
    app.add_typer(alerts, name="alerts")
    letters = typer.Typer(no_args_is_help=True, help="List messages that could not be delivered, send them again.")
    letters.command("list")(dead)
    letters.command("replay")(replay)
    app.add_typer(letters, name="dead-letters")


def show(
    rule: str | None = typer.Option(None, "--rule", metavar="UID", help="Only those of a rule."),
    instrument: str | None = typer.Option(None, "--instrument", help="VENUE:SYMBOL or an unambiguous symbol."),
    state: str | None = typer.Option(None, "--state", help="Only those with a delivery in that state: dead, held …"),
    severity: str | None = typer.Option(None, "--severity", help="low, normal or high."),
    *,
    unread: bool = typer.Option(False, "--unread", help="Only what nobody has read."),
    by_rule: bool = typer.Option(False, "--by-rule", help="The newest of each rule, and how many there are."),
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """List alerts, newest first, with the state of each delivery.

    For example: marketbell alerts list --state dead
    """
    wanted = {"rule_uid": rule, "instrument": instrument, "state": state, "severity": severity, "limit": limit}
    wanted |= {"unread": "true" if unread else None, "group": "rule" if by_rule else None}
    answer = Api(api, data_dir).call("GET", "/api/alerts" + _query(wanted))
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    if not answer["items"]:
        typer.echo("no such alerts")
    for item in answer["items"]:
        typer.echo(_alert_line(item))


def _alert_line(item: dict[str, Any]) -> str:
    told = ", ".join(f"{one['address_label']} {one['state']}" for one in item["deliveries"]) or "told to nobody"
    marks = "".join(
        [
            f"  {item['group']['count']} in all" if item["group"] else "",
            f"  held back: {item['suppressed']}" if item["suppressed"] else "",
            f"  {item['ack']['kind']} until {item['ack']['until']}" if item["ack"] else "",
        ]
    )
    return f"{item['firing_id']}  {item['event_time']}  {item['symbol'] or '-':<12}  {item['rule']}  ({told}){marks}"


def story(alert: str = _ALERT, api: str | None = _API, data_dir: str | None = _DATA_DIR, as_json: bool = _JSON) -> None:
    """Tell what happened to an alert: from the tick that decided it to its reading, with every attempt."""
    answer = Api(api, data_dir).call("GET", f"/api/alerts/{_quoted(alert)}/story")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    for line in answer["items"]:
        where = f"{line['channel']} {line['address_label']}".strip()
        typer.echo(f"{line['at']}  {line['what']:<12}  {where:<24}  {line['detail']}".rstrip())


def ack(alert: str = _ALERT, api: str | None = _API, data_dir: str | None = _DATA_DIR, as_json: bool = _JSON) -> None:
    """Acknowledge an alert: no more messages of its rule about its instrument for the rest of your day."""
    answer = Api(api, data_dir).call("POST", f"/api/alerts/{_quoted(alert)}/ack")
    typer.echo(json.dumps(answer) if as_json else f"acknowledged until {answer['until']}")


def dead(
    channel: str | None = _CHANNEL,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """List messages that were given up, with the last error, those that died last first."""
    wanted: dict[str, Any] = {"channel": channel, "since": since, "until": until, "limit": 500}
    items: list[dict[str, Any]] = []
    door = Api(api, data_dir)
    while True:
        answer = door.call("GET", "/api/dead-letters" + _query(wanted))
        items += answer["items"]
        if not answer["next_cursor"]:
            break
        wanted["cursor"] = answer["next_cursor"]
    if as_json:
        typer.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    if not items:
        typer.echo("no dead letters")
    for one in items:
        typer.echo(f"{one['delivery_id']}  {one['died_at']}  {one['channel']} {one['address_label']}  {one['error']}")
        typer.echo(f"    {one['title']}")


def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Their ids, as `dead-letters list` shows them.")] = None,
    channel: str | None = _CHANNEL,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    *,
    every: bool = typer.Option(False, "--all", help="All that are dead."),
    api: str | None = _API,
    data_dir: str | None = _DATA_DIR,
    as_json: bool = _JSON,
) -> None:
    """Send dead messages again: by id, by channel, by time, or all of them.

    For example, when a provider is back: marketbell dead-letters replay --channel slack
    """
    if not (ids or channel or since or until or every):
        raise UserError("which dead letters? give ids, --channel, --since, --until or --all")
    body: dict[str, Any] = {"delivery_ids": list(ids or [])}
    body |= {name: text for name, text in (("channel", channel), ("since", since), ("until", until)) if text}
    answer = Api(api, data_dir).call("POST", "/api/dead-letters/replay", body)
    typer.echo(json.dumps(answer) if as_json else f"{answer['replayed']} go out again")


def _query(wanted: dict[str, Any]) -> str:
    from urllib.parse import urlencode

    said = {name: value for name, value in wanted.items() if value is not None}
    return f"?{urlencode(said)}" if said else ""


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
