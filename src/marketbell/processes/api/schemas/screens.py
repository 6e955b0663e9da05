"""Screens: as kept, as asked, as answered, and who came and went."""

from typing import Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, DecimalStr, Facts, Question, UtcTime


class Screen(Answer):
    """A ready screen, or one that somebody keeps."""

    screen_id: str
    name: str
    description: str = Field(description="In plain words who is on it.")
    text: str
    kind: Literal["template", "saved"]
    condition: str
    columns: list[str] = Field(description="Expressions of the language.")
    order_by: str | None
    descending: bool
    limit: int | None
    count: int | None = Field(description="Members now; null while nobody has counted.")
    as_of: UtcTime | None = Field(description="Of the count.")
    leave_when: str | None = Field(description="A member stays until this holds; null: until `condition` does not.")


class ScreenList(Answer):
    """The ready screens, then yours, oldest first."""

    items: list[Screen]


class ScreenBody(Question):
    """A screen to keep."""

    name: str = Field(max_length=200)
    text: str = Field(max_length=10_000, description='`screen "NAME" when …`, or a condition alone.')
    leave_when: str | None = Field(
        None,
        max_length=10_000,
        description="A condition: a member stays until it holds, so that who is near the edge does not come and go. "
        "Of a screen that is changed, null leaves it as it is and an empty text takes it away.",
    )


class RunBody(Question):
    """A text, or a screen by its id; with other columns, in another order, on a past day."""

    text: str | None = Field(None, max_length=10_000)
    screen_id: str | None = Field(None, max_length=100)
    as_of: str | None = Field(
        None, max_length=40, description="A date (the end of that day at the venue) or a time; null is now."
    )
    columns: list[str] | None = Field(
        None, max_length=40, description="Expressions of the language, in the place of the screen's own columns."
    )
    sort: str | None = Field(None, max_length=1_000, description="An expression of the language.")
    descending: bool = False
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class ScreenColumn(Answer):
    """What stands in a column."""

    expression: str
    label: str
    type: str = Field(description="As in /api/fields, or text.")
    unit: str


class ScreenMatch(Answer):
    """One that meets the screen. `values` are those of the columns; unknown is null."""

    instrument: str
    symbol: str
    name: str
    close: DecimalStr | None
    change_pct: DecimalStr | None
    volume: int | None
    as_of: UtcTime | None
    values: list[DecimalStr | int | bool | None] = Field(
        description="By the column's type: decimals as text, counts as integers, words, times, truths."
    )


class ScreenChip(Answer):
    """A condition that must hold with the others, and how many meet it alone."""

    text: str
    form: Facts
    count: int | None


class UnknownField(Answer):
    """How many lack a field."""

    field: str
    count: int


class UnknownCount(Answer):
    """For how many it cannot be said whether they meet the screen, and for want of what."""

    count: int
    fields: list[UnknownField]


class ScreenPage(Answer):
    """A page of those who meet a screen."""

    items: list[ScreenMatch]
    columns: list[ScreenColumn]
    count: int = Field(description="How many meet it over all pages.")
    text: str
    condition: str
    chips: list[ScreenChip]
    unknown: UnknownCount
    as_of: UtcTime | None
    source: str
    took_ms: float
    next_cursor: str | None


class DaysQuery(Question):
    """How far back."""

    days: int = Field(30, ge=1, le=3_650, description="Of the market's clock.")


class ScreenPassage(Answer):
    """An instrument entered or left."""

    instrument: str
    symbol: str
    event: Literal["enter", "leave"]
    at: UtcTime | None


class ScreenHistory(Answer):
    """Who entered and left, newest first; at most 500."""

    items: list[ScreenPassage]


class ScreenStay(Answer):
    """How long an instrument was on a screen; `left_at` null: it still is."""

    screen_id: str
    name: str
    entered_at: UtcTime | None
    left_at: UtcTime | None


class ScreenStays(Answer):
    """The newest entry first."""

    items: list[ScreenStay]


class DistributionQuery(Question):
    """Of which field."""

    field: str = Field(max_length=60)


class DistributionBin(Answer):
    """How many values lie in [from, to); in the last one up to its end."""

    from_: float = Field(alias="from")
    to: float
    count: int


class Distribution(Answer):
    """How a field is spread over what is traded itself."""

    field: str
    known: int
    unknown: int
    min: float | None
    max: float | None
    quantiles: list[float] = Field(description="At 5, 25, 50, 75 and 95 in a hundred; [] where nothing is known.")
    bins: list[DistributionBin] = Field(description="The outermost ones reach to the least and the largest value.")
