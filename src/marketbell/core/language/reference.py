"""Fields and functions as JSON-able descriptions: for completion, the column chooser, `/api/fields` and the docs.

Nothing is written here: the registry, the catalogue and the built-in functions say it all.
"""

from typing import Any

from marketbell.core.indicators.catalogue import MAX_WINDOW, SIGNATURES, Parameter, Signature
from marketbell.core.language.declared import DECLARED, DERIVED
from marketbell.core.language.fields import ALIASES, FIELDS, Field
from marketbell.core.language.functions import (
    BUILT_INS,
    MEMBER_TYPES,
    UNIVERSE_AT,
    has_default,
    settings_usage,
    usage,
)
from marketbell.core.language.vocabulary import BAR_FIELDS


def describe_fields() -> list[dict[str, Any]]:
    """One item a field: what the registry says of it, aliases, usage, and is_of_bar.

    `members` are the words of an enum. `is_of_bar` says that only a bar has it: such names need a timeframe. `settings`
    are {name, kind (text, period, number or duration), default (as it is written, or null), choices}; `usage` shows
    how a field with settings is written. One that is not `is_live` is unknown until something provides it.
    """
    found = [_field(field) for field in (*FIELDS, *DERIVED, *DECLARED)]
    found += [
        {
            "name": name,
            "aliases": [],
            "type": kind,
            "cadence": "bar",
            "label": name.capitalize(),
            "description": description,
            "unit": "",
            "source": "feed",
            "members": [],
            "settings": [],
            "usage": name,
            "is_live": True,
            "is_of_bar": True,
        }
        for name, (kind, description) in BAR_FIELDS.items()
    ]
    return found


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "aliases": sorted(alias for alias, name in ALIASES.items() if name == field.name),
        "type": str(field.type),
        "cadence": str(field.cadence),
        "label": field.label,
        "description": field.description,
        "unit": field.unit,
        "source": field.source,
        "members": [word for word in field.members if word],
        "settings": [
            {"name": one.name, "kind": one.kind, "default": one.default, "choices": list(one.choices)}
            for one in field.settings
        ],
        "usage": settings_usage(field),
        "is_live": field.is_live,
        "is_of_bar": False,
    }


def describe_functions() -> list[dict[str, Any]]:
    """One item a function: name, kind, usage, summary, result, arguments, parameters, members.

    `kind` is series (of the catalogue), plain (bar by bar) or universe. `arguments` are expressions, with the
    field that stands for one that is left out (`default`, else null); `parameters` are written-out numbers:
    name, kind (period, real or duration), default, least, most. `result` is a type, or "same" as its first
    argument. `members` are {name, type}; where there are several and `main` is empty, a call needs one.
    """
    return [*map(_series, SIGNATURES), *map(_built_in, BUILT_INS)]


def _series(signature: Signature) -> dict[str, Any]:
    several = len(signature.outputs) > 1
    return {
        "name": signature.name,
        "kind": "series",
        "usage": usage(signature.name),
        "summary": signature.summary,
        "result": signature.result,
        "arguments": [
            {
                "name": name,
                "is_condition": name == "condition",
                "default": signature.default_x if has_default(signature, name) else None,
            }
            for name in signature.arguments
        ],
        "parameters": [_parameter(one) for one in signature.parameters],
        "main": signature.main if several else "",
        "members": [
            {"name": name, "type": MEMBER_TYPES.get((signature.name, name), signature.result)}
            for name in (signature.outputs if several else ())
        ],
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    is_period = one.kind == "period"
    return {
        "name": one.name,
        "kind": one.kind,
        "default": one.default,
        "least": one.least if is_period else None,
        "most": MAX_WINDOW if is_period else None,
    }


def _built_in(name: str) -> dict[str, Any]:
    one = BUILT_INS[name]
    return {
        "name": name,
        "kind": "universe" if name in UNIVERSE_AT else "plain",
        "usage": one.usage,
        "summary": one.summary,
        "result": one.result,
        "arguments": [],
        "parameters": [],
        "main": "",
        "members": [],
    }
