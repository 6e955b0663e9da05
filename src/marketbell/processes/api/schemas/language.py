"""The language as editors need it: fields, functions, what may be written at a place."""

from typing import Any, Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, Question


class FieldSetting(Answer):
    """A setting of a field that is called: `opt.pcr_oi(expiry: "nearest")`."""

    name: str
    kind: str = Field(description="text, period, number or duration.")
    default: str | None = Field(description="As it is written; null where it must be given.")
    choices: list[str]


class FieldInfo(Answer):
    """One field of the registry."""

    name: str
    aliases: list[str] = Field(description="Other names that mean the same.")
    type: str
    cadence: str
    label: str
    description: str
    unit: str
    source: str
    members: list[str] = Field(default_factory=list, description="Of an enum: its words, in the order of their codes.")
    settings: list[FieldSetting]
    usage: str = Field(description="How it is written, settings included.")
    is_live: bool = Field(description="False: nothing provides it yet, it is unknown.")
    is_of_bar: bool = Field(description="True: only a bar has it, so it needs a timeframe.")


class FunctionArgument(Answer):
    """An expression that a function takes."""

    name: str
    is_condition: bool
    default: str | None = Field(description="The field that stands for one that is left out.")


class FunctionParameter(Answer):
    """A number that a function takes, written out."""

    name: str
    kind: str = Field(description="period (bars), real or duration.")
    default: float | None
    least: float | None
    most: float | None


class FunctionMember(Answer):
    """One of several values of a function."""

    name: str
    type: str


class FunctionInfo(Answer):
    """One function."""

    name: str
    kind: str = Field(description="series, plain (bar by bar) or universe.")
    usage: str
    summary: str
    result: str = Field(description="A type, or `same` as its first argument.")
    arguments: list[FunctionArgument]
    parameters: list[FunctionParameter]
    main: str = Field(
        description="The member that a call without one means; empty where a call needs one, or has none."
    )
    members: list[FunctionMember]


class FieldList(Answer):
    """Everything that can be shown, filtered or named in a rule."""

    items: list[FieldInfo]
    functions: list[FunctionInfo]
    universes: list[str] = Field(description="Indices, sectors and lists that `on` and `rank(x, …)` may name.")


class CompleteBody(Question):
    """A text and a place in it."""

    text: str = Field(max_length=100_000)
    position: int = Field(ge=0, description="Characters before the cursor.")
    kind: Literal["rule", "expression"] = Field("rule", description="Rules and screens, or an expression alone.")


class CompletionItem(Answer):
    """Something that can be written there."""

    label: str
    insert: str
    kind: str = Field(description="field, function, keyword, instrument, universe, watchlist, channel or screen.")
    detail: str


class CompletionAnswer(Answer):
    """What may replace the characters from `from` up to `to`."""

    from_: int = Field(alias="from")
    to: int
    items: list[CompletionItem]


Form = dict[str, Any]
"""A rule or a screen as a form; see the howto on alerts."""
