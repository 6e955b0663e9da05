"""Channels: where messages go. An address goes in and never comes out again."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import DeliveryError, NotFoundError, UserError
from marketbell.flows.accounts.decisions import Action, Resource
from marketbell.flows.market_views.labels import address_label
from marketbell.ports import stores
from marketbell.ports.notifiers import Message
from marketbell.processes.api.context import asks, demand, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.people import Channel, ChannelBody, ChannelList, ChannelTest

bp = APIBlueprint("channels", __name__, url_prefix="/api/channels", tag="Channels")

KINDS = ("in_app", "webhook", "slack")


def _shown(channel: stores.Channel) -> dict[str, Any]:
    return {
        "channel_id": channel.channel_id,
        "kind": channel.kind,
        "name": channel.name,
        "address_label": address_label(channel.kind, str(channel.config.get("url", ""))),
        "is_enabled": channel.is_enabled,
    }


def _mine(channel_id: str) -> stores.Channel:
    found = next((c for c in parts().channels.all(owner_id()) if c.channel_id == channel_id), None)
    if found is None:
        raise NotFoundError("no such channel")
    demand(Action.WRITE, Resource("channel", channel_id, found.owner_id))
    return found


@bp.get("")
@asks(Action.READ, "channel")
@bp.output(ChannelList)
def list_channels() -> dict[str, Any]:
    """Your channels."""
    return {"items": [_shown(channel) for channel in parts().channels.all(owner_id())], "kinds": list(KINDS)}


@bp.post("")
@asks(Action.WRITE, "channel")
@idempotent
@bp.input(ChannelBody, location="json")
@bp.output(Channel, status_code=201)
def create_channel(json_data: ChannelBody) -> dict[str, Any]:
    """Add a channel."""
    config = dict(json_data.config)
    if json_data.kind != "in_app":
        url = config.get("url")
        pieces = urlsplit(url) if isinstance(url, str) and len(url) <= 2_000 else None
        if pieces is None or pieces.scheme not in {"http", "https"} or not pieces.hostname:
            raise UserError('config must hold the address: {"url": "https://…"}', field="config.url")
    made = parts().channels.put(
        stores.Channel(
            uuid4().hex, owner_id(), json_data.kind, json_data.name.strip(), config, is_enabled=json_data.is_enabled
        )
    )
    return _shown(made)


@bp.delete("/<string:channel_id>")
@asks(Action.WRITE, "channel")
@bp.output(Done)
def delete_channel(channel_id: str) -> dict[str, Any]:
    """Remove a channel. Rules that name it deliver to the others."""
    _mine(channel_id)
    parts().channels.delete(owner_id(), channel_id)
    return {"ok": True}


@bp.post("/<string:channel_id>/test")
@asks(Action.WRITE, "channel")
@idempotent
@bp.output(ChannelTest)
def test_channel(channel_id: str) -> dict[str, Any]:
    """Send a test message now, and say what became of it."""
    channel = _mine(channel_id)
    notifier = parts().notifiers.get(channel.kind)
    if notifier is None:
        raise UserError(f"nothing here can send to {channel.kind}", field="kind")
    message = Message(
        delivery_id=f"test-{uuid4().hex}",
        title="Marketbell: test message",
        body="This channel works. Alerts will look like this one.",
        link="",
        facts={"test": True},
    )
    try:
        reference = notifier.send(channel.config, message)
    except DeliveryError as error:
        return {"ok": False, "reference": "", "error": error.message}
    return {"ok": True, "reference": str(reference or ""), "error": ""}
