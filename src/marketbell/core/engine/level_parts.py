"""Levels of a checkpoint cut by rows, and put together: arrays in, arrays out, always in their normal form.

Normal form: slots by row and, inside a row, in the order of arming; texts in the order of the slots; only
the templates that are used. Two ways to the same levels give the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.firings import A_HASH, A_INSTRUMENT, A_KNOWN, A_NAME, A_TEMPLATE, A_UID, A_VERSION, SPAN
from marketbell.core.engine.levels import whole

_BYTES = (1 << SPAN) - 1


def instruments(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """The instrument of each slot; 0 where only a disarming was heard of."""
    return np.asarray(whole(arrays)["level_about"][:, A_INSTRUMENT], np.int64)


def without_foreign(
    arrays: Mapping[str, NDArray[Any]], is_mine: NDArray[np.bool_]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    """The levels as an owner of the slots `is_mine` knows them, and which slots that are.

    Of rules that live elsewhere and are disarmed it keeps that they are: a disarming concerns everybody.
    """
    found = dict(whole(arrays))
    rules, about = found["level_rules"].copy(), found["level_about"].copy()
    heard = ~is_mine & (rules[:, k.R_STATE] == 0)
    rules[heard] = 0
    rules[heard, k.R_ROW] = -1
    kept = about[heard][:, [A_HASH, A_KNOWN, A_UID]]
    about[heard] = 0
    for at, place in enumerate((A_HASH, A_KNOWN, A_UID)):
        about[heard, place] = kept[:, at]
    return found | {"level_rules": rules, "level_about": about}, is_mine | heard


def joined_levels(
    parts: Sequence[tuple[Mapping[str, NDArray[Any]], NDArray[np.bool_], NDArray[np.int64]]],
) -> dict[str, NDArray[Any]]:
    """The levels of several checkpoints: of each its arrays, which slots to take, and the new row of each row.

    A new row of -1 leaves the row out. Of a rule that two parts know, the one that has it armed counts; its
    newest version is the newest of both.
    """
    rules, about, text, templates, rows, previous = [], [], [], [], [], []
    shift = first = 0
    for arrays, keeps, new_row in parts:
        found = whole(arrays)
        places = np.append(new_row, -1)  # row -1, an instrument that is not known yet, stays -1
        mine = found["level_rules"][keeps].copy()
        mine[:, k.R_ROW] = places[mine[:, k.R_ROW]]
        facts = found["level_about"][keeps].copy()
        for place in (A_UID, A_NAME):
            facts[facts[:, place] != 0, place] += shift << SPAN
        facts[:, A_TEMPLATE] += first << 3
        rules.append(mine)
        about.append(facts)
        text.append(found["level_text"])
        templates.append(found["level_templates"] + np.array([shift, 0]))
        at = places[found["level_rows"]]
        rows.append(at[at >= 0])
        previous.append(found["level_previous"][at >= 0])
        shift += len(found["level_text"])
        first += len(found["level_templates"])
    return _normal(
        np.concatenate(rules), np.concatenate(about), np.concatenate(text), np.concatenate(templates)
    ) | _by_row(np.concatenate(rows), np.concatenate(previous))


def _by_row(rows: NDArray[np.int64], previous: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    order = np.argsort(rows)
    return {"level_rows": rows[order], "level_previous": previous[order]}


def _normal(
    rules: NDArray[np.int64], about: NDArray[np.int64], text: NDArray[np.uint8], templates: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    rules, about = _once(rules, about)
    order = np.lexsort((about[:, A_HASH], rules[:, k.R_SEQ], about[:, A_INSTRUMENT], rules[:, k.R_ROW]))
    rules, about = rules[order], about[order]
    rules[:, k.R_SEQ] = np.arange(len(rules))
    spans = about[:, [A_UID, A_NAME]].ravel()
    sizes, places = spans & _BYTES, spans >> SPAN
    ends = np.cumsum(sizes)
    at = np.repeat(places - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
    pieces = [text[at]]
    about[:, [A_UID, A_NAME]] = np.where(sizes > 0, (ends - sizes) << SPAN | sizes, 0).reshape(len(about), 2)
    number_of: dict[bytes, int] = {}
    kept: list[tuple[int, int]] = []
    used = int(ends[-1]) if len(ends) else 0
    is_armed = about[:, A_INSTRUMENT] != 0
    numbers, first_use, which = np.unique(about[is_armed, A_TEMPLATE] >> 3, return_index=True, return_inverse=True)
    new_number = np.zeros(len(numbers), np.int64)
    for n in np.argsort(first_use).tolist():
        place, size = (int(one) for one in templates[numbers[n]])
        raw = text[place : place + size]
        found = number_of.setdefault(raw.tobytes(), len(kept))
        if found == len(kept):
            kept.append((used, size))
            pieces.append(raw)
            used += size
        new_number[n] = found
    about[is_armed, A_TEMPLATE] = new_number[which] << 3 | about[is_armed, A_TEMPLATE] & 7
    about[~is_armed, A_TEMPLATE] = 0
    return {
        "level_rules": rules,
        "level_about": about,
        "level_text": np.concatenate(pieces),
        "level_templates": np.array(kept, np.int64).reshape(len(kept), 2),
        "level_sequence": np.array([len(rules)], np.int64),
    }


def _once(rules: NDArray[np.int64], about: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each rule once: the slot that was armed last; one that only heard of a disarming comes behind all others."""
    order = np.lexsort((-about[:, A_VERSION], about[:, A_INSTRUMENT] == 0, about[:, A_HASH]))
    rules, about = rules[order], about[order]
    is_first = np.ones(len(about), np.bool_)
    is_first[1:] = about[1:, A_HASH] != about[:-1, A_HASH]
    at = np.flatnonzero(is_first)
    if len(at):
        about[at, A_KNOWN] = np.maximum.reduceat(about[:, A_KNOWN], at)
    return rules[at], about[at]
