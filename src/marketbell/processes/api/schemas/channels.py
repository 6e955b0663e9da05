"""Channels: where messages go, and what each kind of channel needs."""

from typing import Any

from pydantic import Field

from marketbell.core.alerts.cards import FieldType
from marketbell.processes.api.schemas.base import Answer, Question

_CONFIG = (
    "Values by the names of the kind's fields, as its card says. Instead of a value may stand "
    '{"secret": NAME}: looked up where the installation keeps secrets, whenever a message is sent.'
)


class ChannelField(Answer):
    """One thing to fill in."""

    name: str
    label: str
    type: FieldType
    required: bool
    help: str
    is_address: bool = Field(description="Says where messages go: it is never shown again, only its label.")
    words: list[str] = Field(description="All that may stand there; [] where it is free.")


class ChannelWay(Answer):
    """One of several ways to reach the same kind; the config's `way` names it."""

    name: str
    title: str
    needs: list[str] = Field(description="Fields that must be filled, beside those that every way requires.")
    may: list[str] = Field(description="Fields that can be filled.")
    help: str


class ChannelPace(Answer):
    """How fast a destination takes messages."""

    burst: float
    per_s: float


class ChannelCard(Answer):
    """What a kind of channel needs, and how it behaves. A form is made from it."""

    kind: str
    title: str
    help: str
    fields: list[ChannelField]
    ways: list[ChannelWay] = Field(description="[] where there is only one; fields of no way belong to all.")
    pace: ChannelPace
    honours_key: bool = Field(description="A repeat of a message is told once; else it may be told twice.")
    sends_links: bool


class Channel(Answer):
    """Where messages go. Addresses and secrets are never shown again, only a label."""

    channel_id: str
    kind: str
    name: str
    address_label: str
    is_enabled: bool
    config: dict[str, Any] = Field(description="What may be shown: no address, no secret; references to secrets.")
    filled: list[str] = Field(description="The fields that have a value, shown or not.")


class ChannelList(Answer):
    """All channels of the owner, and the kinds that there are."""

    items: list[Channel]
    kinds: list[ChannelCard]


class ChannelBody(Question):
    """A new channel."""

    kind: str = Field(min_length=1, max_length=40, examples=["slack"])
    name: str = Field(min_length=1, max_length=80)
    config: dict[str, Any] = Field(default_factory=dict, max_length=50, description=_CONFIG)
    is_enabled: bool = True


class ChannelEdit(Question):
    """What changes. What is not given stays as it is."""

    name: str | None = Field(None, min_length=1, max_length=80)
    config: dict[str, Any] | None = Field(
        None, max_length=50, description=f'{_CONFIG} Fields that are not given stay; null or "" takes one out.'
    )
    is_enabled: bool | None = None


class ChannelTest(Answer):
    """What became of the test message."""

    ok: bool
    reference: str
    error: str


class PushKey(Answer):
    """What a browser subscribes with."""

    key: str = Field(description="Base64url: `applicationServerKey` of PushManager.subscribe.")
