"""What the shapes share: decimals as text, UTC times, the one error."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypeAliasType

DecimalStr = TypeAliasType(
    "DecimalStr",
    Annotated[
        str,
        WithJsonSchema(
            {
                "type": "string",
                "format": "decimal",
                "pattern": r"^-?\d+(\.\d+)?$",
                "description": "A decimal number as text, so that no reader rounds it.",
                "examples": ["1490.55"],
            }
        ),
    ],
)

UtcTime = TypeAliasType(
    "UtcTime",
    Annotated[
        str,
        WithJsonSchema(
            {
                "type": "string",
                "format": "date-time",
                "description": "ISO-8601 in UTC, with Z.",
                "examples": ["2021-04-28T03:45:00.000Z"],
            }
        ),
    ],
)


class Answer(BaseModel):
    """Every field that an answer has is always present; unknown is null."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class Question(BaseModel):
    """A body or query; names that we do not know are refused."""

    model_config = ConfigDict(extra="forbid")


class Error(Answer):
    """What went wrong, in one shape everywhere."""

    code: str = Field(description="A stable word to branch on.", examples=["not_found"])
    message: str = Field(description="One clear sentence.")
    fields: dict[str, list[str]] = Field(description="What is wrong with which field; {} where it is none of them.")
    request_id: str = Field(description="Also in the header X-Request-Id and in our logs.")


class Done(Answer):
    """It is done."""

    ok: bool


class PageQuery(Question):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=500, description="How many items at most.")
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


Facts = dict[str, Any]
