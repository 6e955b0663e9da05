"""Joins recorded option chains and the analysis, for work without servers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.model import ModelSettings

if TYPE_CHECKING:
    from marketbell.adapters.feeds.replay.chains import ChainFile


@dataclass(frozen=True, slots=True)
class AnalysedFile:
    """A file of chains with what follows from each, in its order."""

    file: "ChainFile"
    analysed: Sequence[Analysed]


def read_chains(
    path: str | Path,
    *,
    format_: str | None = None,
    expiry: date | str | None = None,
    as_of: str | int | None = None,
    underlying: str | None = None,
    spot: float | None = None,
) -> "ChainFile":
    """A file of option chains; `as_of` as text or ns UTC. UserError for whatever the caller can mend."""
    from marketbell.adapters.feeds.replay import chains
    from marketbell.adapters.feeds.replay.chains.reading import expiry_of, moment_of

    return chains.read_chains(
        path,
        format=format_,
        expiry=expiry_of(expiry) if isinstance(expiry, str) else expiry,
        as_of=moment_of(as_of, underlying or "") if isinstance(as_of, str) else as_of,
        underlying=underlying,
        spot=spot,
    )


def analyse_file(
    path: str | Path,
    settings: ModelSettings,
    *,
    format_: str | None = None,
    expiry: str | None = None,
    as_of: str | None = None,
    underlying: str | None = None,
    spot: float | None = None,
) -> AnalysedFile:
    """Read a file and analyse each of its chains. UserError for whatever the caller can mend."""
    file = read_chains(path, format_=format_, expiry=expiry, as_of=as_of, underlying=underlying, spot=spot)
    return AnalysedFile(file, [analyse(one, settings) for one in file.chains])


def formats() -> dict[str, str]:
    """Every format of chains and what it looks like."""
    from marketbell.adapters.feeds.replay.chains import FORMATS

    return FORMATS
