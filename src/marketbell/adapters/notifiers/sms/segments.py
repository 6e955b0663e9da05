"""How long an SMS is: 160 characters of GSM 03.38 or 70 of UCS-2 in one, 153 or 67 in each of several."""

import unicodedata

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€\f")
_ALIKE = str.maketrans({
    "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u2011": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"',
    "\u201d": '"', "\u2026": "...", "\u00d7": "x", "\u00b7": ".", "₹": "Rs ", "→": "->", "←": "<-", "≥": ">=",
    "≤": "<=", "≠": "!=", "±": "+/-", "σ": "sigma", "\u00a0": " ", "\u202f": " ", "\t": " ", "`": "'",
})  # fmt: skip
"""What stands for characters that would make the whole message UCS-2, and more than twice as dear."""
_SINGLE, _MANY = 160, 153
_SINGLE_UCS2, _MANY_UCS2 = 70, 67


def simplified(text: str) -> str:
    """The text in characters of GSM 03.38 where that loses no meaning; other scripts stay as they are."""
    plain = text.translate(_ALIKE)
    if is_gsm(plain):
        return plain
    bare = "".join(_bare(character) for character in plain)
    return bare if is_gsm(bare) else plain


def _bare(character: str) -> str:
    """A letter without its accent where the alphabet has no such letter."""
    if character in _BASIC or character in _EXTENSION:
        return character
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in parts if not unicodedata.combining(part))
    return kept if kept.isascii() and kept else character


def is_gsm(text: str) -> bool:
    """True where every character is in the GSM alphabet."""
    return all(character in _BASIC or character in _EXTENSION for character in text)


def length(text: str) -> int:
    """Septets (signs of the extension count two), or UTF-16 units where it is not GSM."""
    if is_gsm(text):
        return sum(2 if character in _EXTENSION else 1 for character in text)
    return len(text.encode("utf-16-le")) // 2


def segments(text: str) -> int:
    """How many SMS it takes."""
    single, many = (_SINGLE, _MANY) if is_gsm(text) else (_SINGLE_UCS2, _MANY_UCS2)
    size = length(text)
    return 1 if size <= single else -(-size // many)


def room(text: str, count: int) -> int:
    """How long, by `length`, a text in this one's alphabet may be that takes `count` SMS."""
    single, many = (_SINGLE, _MANY) if is_gsm(text) else (_SINGLE_UCS2, _MANY_UCS2)
    return single if count == 1 else many * count
