"""Recorded option chains: one module a format, one way in.

`loading` opens a file, `reading` says what it is, the format's module makes rows of it, `rows` puts them together to
chains in one unit and lists what was unusual.
"""

from marketbell.adapters.feeds.replay.chains.reading import FORMATS, ChainFile, is_chain_file, read_chains

__all__ = ["FORMATS", "ChainFile", "is_chain_file", "read_chains"]
