"""Channels: where messages go. An address goes in and never comes out again."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.alerts.cards import WAY, Card, checked, label, public
from marketbell.core.primitives.errors import DeliveryError, NotFoundError, UserError
from marketbell.flows.accounts.decisions import Action, Resource
from marketbell.ports import stores
from marketbell.ports.notifiers import Message
from marketbell.processes.api.context import asks, demand, owner_id, parts
from marketbell.processes.api.idempotency import fresh_id, idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.channels import (
    Channel,
    ChannelBody,
    ChannelEdit,
    ChannelList,
    ChannelTest,
    PushKey,
)
from marketbell.wiring.notifiers import cards, push_key

bp = APIBlueprint("channels", __name__, url_prefix="/api/channels", tag="Channels")


def _cards() -> Mapping[str, Card]:
    return cards(parts().settings)


def _card(kind: str) -> Card:
    known = _cards()
    if kind not in known:
        raise UserError(f"there is no kind {kind!r} here; there are {', '.join(known)}", field="kind")
    return known[kind]


def _shown(channel: stores.Channel) -> dict[str, Any]:
    card = _cards().get(channel.kind)
    return {
        "channel_id": channel.channel_id,
        "kind": channel.kind,
        "name": channel.name,
        "address_label": label(card, channel.config) if card else "…",
        "is_enabled": channel.is_enabled,
        "config": public(card, channel.config) if card else {},
        "filled": [name for name in channel.config if name != WAY],
    }


def _as_json(card: Card) -> dict[str, Any]:
    return {
        "kind": card.kind,
        "title": card.title,
        "help": card.help,
        "fields": [
            {
                "name": one.name,
                "label": one.label,
                "type": one.type,
                "required": one.required,
                "help": one.help,
                "is_address": one.is_address,
                "words": list(one.words),
            }
            for one in card.fields
        ],
        "ways": [asdict(way) | {"needs": list(way.needs), "may": list(way.may)} for way in card.ways],
        "pace": asdict(card.pace),
        "honours_key": card.honours_key,
        "sends_links": card.sends_links,
    }


def _mine(channel_id: str) -> stores.Channel:
    found = next((c for c in parts().channels.all(owner_id()) if c.channel_id == channel_id), None)
    if found is None:
        raise NotFoundError("no such channel")
    demand(Action.WRITE, Resource("channel", channel_id, found.owner_id))
    return found


def _named(name: str) -> str:
    stripped = name.strip()
    if not stripped:
        raise UserError("a channel needs a name", field="name")
    return stripped


@bp.get("")
@asks(Action.READ, "channel")
@bp.output(ChannelList)
def list_channels() -> dict[str, Any]:
    """Your channels, and what each kind of channel needs."""
    return {
        "items": [_shown(channel) for channel in parts().channels.all(owner_id())],
        "kinds": [_as_json(card) for card in _cards().values()],
    }


@bp.post("")
@asks(Action.WRITE, "channel")
@idempotent
@bp.input(ChannelBody, location="json")
@bp.output(Channel, status_code=201)
def create_channel(json_data: ChannelBody) -> dict[str, Any]:
    """Add a channel. The configuration is checked by the card of its kind."""
    config = checked(_card(json_data.kind), json_data.config)
    made = parts().channels.put(
        stores.Channel(
            fresh_id(), owner_id(), json_data.kind, _named(json_data.name), config, is_enabled=json_data.is_enabled
        )
    )
    return _shown(made)


@bp.put("/<string:channel_id>")
@asks(Action.WRITE, "channel")
@bp.input(ChannelEdit, location="json")
@bp.output(Channel)
def edit_channel(channel_id: str, json_data: ChannelEdit) -> dict[str, Any]:
    """Rename it, switch it on or off, change its configuration. Secrets that are not sent stay."""
    channel = _mine(channel_id)
    if json_data.name is not None:
        channel = replace(channel, name=_named(json_data.name))
    if json_data.is_enabled is not None:
        channel = replace(channel, is_enabled=json_data.is_enabled)
    if json_data.config is not None:
        channel = replace(channel, config=checked(_card(channel.kind), json_data.config, channel.config))
    return _shown(parts().channels.put(channel))


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
    from marketbell.wiring.sender import link_base

    message = Message(
        delivery_id=fresh_id(),
        title="Marketbell: test message",
        body="This channel works. Alerts will look like this one.",
        link=f"{link_base(parts().settings).rstrip('/')}/settings",
        facts={"test": True},
    )
    try:
        reference = notifier.send(channel.config, message)
    except DeliveryError as error:
        return {"ok": False, "reference": "", "error": error.message}
    return {"ok": True, "reference": str(reference or ""), "error": ""}


@bp.get("/push-key")
@asks(Action.READ, "channel")
@bp.output(PushKey)
def get_push_key() -> dict[str, Any]:
    """The key that a browser needs to subscribe to messages of this installation."""
    return {"key": push_key(parts().settings)}
