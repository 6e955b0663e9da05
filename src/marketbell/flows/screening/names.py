"""The screens of a person by name: the ready ones, and those that the person keeps."""

from collections.abc import Callable, Mapping

from marketbell.core.language.json_form import from_json
from marketbell.core.language.tree import Screen
from marketbell.core.screening.templates import TEMPLATES
from marketbell.ports.stores import SavedScreen, ScreenStore


def screens_of(store: ScreenStore) -> Callable[[str], Mapping[str, Screen]]:
    """For rules that name a screen (see flows/rules/people.py)."""

    def named(owner_id: str) -> Mapping[str, Screen]:
        ready = {one.name: one.screen for one in TEMPLATES.values()}
        return ready | {one.name: tree_of(one) for one in store.all(owner_id)}

    return named


def tree_of(saved: SavedScreen) -> Screen:
    """The tree of a saved screen as the stream holds it."""
    tree = from_json(saved.definition)
    if not isinstance(tree, Screen):
        message = f"{saved.screen_id} is no screen"
        raise TypeError(message)
    return tree
