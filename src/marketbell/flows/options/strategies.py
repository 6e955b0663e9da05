"""Examples of positions for a view, and the catalogue of those that have a name."""

from typing import Any

from marketbell.core.options.analysis import Analysed
from marketbell.core.options.payoff_words import payoff_words
from marketbell.core.options.presets import PRESETS, View
from marketbell.core.options.strategies import EXAMPLES, By, build, examples, market_of
from marketbell.core.primitives.errors import UserError
from marketbell.flows.options.payoff import legs_document, position_document

VIEWS = tuple(str(view) for view in View)


def strategies_document(analysed: Analysed, view: str) -> dict[str, Any]:
    """Three positions of limited risk for a view, of one lot each, worked out: {items: [...]}.

    Fewer where the chain has too few prices, then `why` says so (else null). An item: name, title, text, words,
    legs, max_profit (null without a limit), max_loss, is_profit_unlimited, break_evens, probability_of_profit, cost.
    """
    if view not in VIEWS:
        message = f"a view is one of {', '.join(VIEWS)}, not {view!r}"
        raise UserError(message, field="view")
    market = market_of([analysed])
    name = analysed.chain.underlying.partition(":")[2] or analysed.chain.underlying
    found = examples(View(view), analysed)
    items = []
    for one in found:
        numbers = position_document(one.payoff)
        kept = ("max_profit", "max_loss", "is_profit_unlimited", "break_evens", "probability_of_profit", "cost")
        items.append(
            {
                "name": one.preset.name,
                "title": one.preset.title,
                "text": one.preset.text,
                "words": payoff_words(one.payoff, market, name),
                "legs": legs_document(one.legs),
                **{key: numbers[key] for key in kept},
            }
        )
    why = None
    if not analysed.chain.spot > 0.0:
        why = f"the chain of {analysed.chain.expiry} does not say what {name} costs now"
    elif len(items) < EXAMPLES:
        why = f"the chain of {analysed.chain.expiry} has too few prices for {'more' if items else 'any'}"
    return {"items": items, "why": why}


def presets() -> list[dict[str, Any]]:
    """Every position with a name: name, title, text (one sentence), views, view (the first), is_defined_risk."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "text": one.text,
            "views": [str(view) for view in one.views],
            "view": str(one.views[0]),
            "is_defined_risk": one.is_defined_risk,
        }
        for one in PRESETS.values()
    ]


def preset_document(name: str, near: Analysed, later: Analysed | None = None, by: str = "width") -> dict[str, Any]:
    """A preset made of a chain's contracts: {name, title, text, legs}, its legs ready to be worked out.

    `later` is the next expiry, for calendars; strikes are chosen by width (half an expected move) or by delta.
    UserError for an unknown name, or with the reason why this chain cannot make it.
    """
    try:
        chosen = By(by)
    except ValueError:
        message = f"strikes are chosen by {' or '.join(By)}, not {by!r}"
        raise UserError(message, field="by") from None
    built = build(name, near, later, by=chosen)
    return {
        "name": built.preset.name,
        "title": built.preset.title,
        "text": built.preset.text,
        "legs": legs_document(built.legs),
    }
