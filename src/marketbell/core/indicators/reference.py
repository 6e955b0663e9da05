"""The page docs/reference/indicators.md, made from the catalogue and the kernels' docstrings.

A test compares the page with the file; it says how to write it anew.
"""

from marketbell.core.indicators.catalogue import SIGNATURES, Parameters, Signature
from marketbell.core.indicators.implementations import IMPLEMENTATIONS

_INTRODUCTION = """\
# Indicators and functions

Made from the code (`src/marketbell/core/indicators/`); a test fails when this page is out of date.

Every function has one kernel. Fed bar by bar it gives exactly the values that it gives over a whole history, and the
tentative value of a forming bar is exactly the value that the bar would have if it closed now. Where TA-Lib (0.8) has
the function, values and the first known bar are TA-Lib's, what it gives for flat prices and for no volume included.

**Unknown.** A value is unknown (empty, null, NaN) until there are enough bars. An unknown or infinite input (1e37 and
more counts as infinite) ends the series: the value is unknown at that bar, and the function begins afresh with the
next one, as if the history began there. Functions with another law say so below. No function ever gives an infinite
value.

**Lookback** is the number of bars before the first known value. **Warm** is the number of bars, at the usual
parameters, after which the value no longer depends on where the history began (the weight of the beginning is under
0.0001); a function of a window is warm as soon as it is known.

`x` is the close where it is left out, for `cci` the typical price (high + low + close) / 3. High, low, close and volume
are those of the bar. `n` is a whole number of bars up to 5,000.
"""

_LABELS = ("Definition", "Source", "Unknown")

_USUAL = {"n": 20.0, "k": 2.0, "m": 3.0}


def _parameters(signature: Signature) -> Parameters:
    """The defaults, and usual values where there are none."""
    return tuple(one.default if one.default is not None else _USUAL.get(one.name, 0.0) for one in signature.parameters)


def call(signature: Signature) -> str:
    """How it is written, `bb(x, n = 20, k = 2)` say."""
    parts = [*signature.arguments]
    for one in signature.parameters:
        name = "T" if one.kind == "duration" else one.name
        parts.append(name if one.default is None else f"{name} = {one.default:g}")
    return f"{signature.name}({', '.join(parts)})"


def lookback(signature: Signature) -> str:
    """The lookback as a formula of the parameters' names, `2 n − 1` say; it is linear in each of them."""
    at = _parameters(signature)
    base = signature.lookback(at)
    terms = []
    rest = base
    for place, one in enumerate(signature.parameters):
        step = tuple(value + (1.0 if other == place else 0.0) for other, value in enumerate(at))
        slope = signature.lookback(step) - base
        rest -= int(slope * at[place])
        if slope:
            terms.append(one.name if slope == 1 else f"{slope} {one.name}")
    text = " + ".join(terms)
    if not text:
        return str(rest)
    return text if rest == 0 else f"{text} {'+' if rest > 0 else '−'} {abs(rest)}"


def paragraphs(name: str) -> dict[str, str]:
    """The parts of the kernel's docstring: `title`, and what follows Definition, Source and Unknown."""
    title, _, body = IMPLEMENTATIONS[name].text.partition("\n\n")
    found = {"title": " ".join(title.split()).rstrip(".")}
    label = ""
    for line in body.splitlines():
        head, colon, tail = line.partition(": ")
        if colon and head in _LABELS:
            label = head
            found[label] = tail
        elif label and line.strip():
            found[label] += " " + line.strip()
    return found


def page() -> str:
    """The whole page, Markdown."""
    table = ["| Function | What | Gives | Lookback | Warm |", "|---|---|---|---|---|"]
    sections = []
    for signature in SIGNATURES:
        parts = paragraphs(signature.name)
        warm = f"{signature.warm_up(_parameters(signature)):,}"
        table.append(
            f"| [`{signature.name}`](#{signature.name}) | {parts['title'].partition('. ')[0]} | {signature.result} "
            f"| {lookback(signature)} | {warm} |"
        )
        lines = [f"## {signature.name}", "", f"`{call(signature)}`", ""]
        if len(signature.outputs) > 1:
            main = f"; alone it means `.{signature.main}`" if signature.main else ""
            lines += [f"Members: {', '.join(f'`.{output}`' for output in signature.outputs)}{main}.", ""]
        lines += [f"{signature.summary}", ""]
        lines += [f"- **{label}** {parts[label]}" for label in _LABELS]
        lines += [f"- **Lookback** {lookback(signature)}", ""]
        sections.append("\n".join(lines))
    return f"{_INTRODUCTION}\n" + "\n".join(table) + "\n\n" + "\n".join(sections)
