"""From a text to its words: a tokenizer that is simple, knows Unicode, never fails, and gives the same words for the same text.

What it does to a text, in this order (`DESCRIPTION` says the same for the file beside a model):

1. small letters, in Unicode's composed form (NFC);
2. control characters are spaces; format characters (joiners, direction marks), lone surrogates and variation selectors are left
   out; a typographic apostrophe is a plain one;
3. the words: a number with a point or comma inside (``3.14``); letters, digits, ``_`` and combining marks in a row, with apostrophes
   inside (``don't``); a single character of Chinese, Japanese, Thai, Lao, Burmese or Khmer, which have no spaces between words;
   a flag; any other character that is no space, such as a full stop or an emoji;
4. of a word longer than LONGEST characters, those.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import islice

LONGEST = 40
"""Characters of a word that count."""

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Numbers of what stands behind the end of a text, of a word that is not in the vocabulary, and of the vocabulary's first word."""

VERSION = 1

DESCRIPTION = {
    "version": VERSION,
    "steps": [
        "lower case, Unicode NFC",
        "control characters become spaces; format characters, lone surrogates and variation selectors are left out; U+2019 becomes '",
        "tokens: a number with . or , inside; letters, digits, _ and combining marks in a row, with ' inside; one character (with its "
        "marks) of Chinese, Japanese, Thai, Lao, Burmese, Khmer; two regional indicators; any other character that is no space",
        f"a token is cut to {LONGEST} characters",
    ],
    "padding": PADDING,
    "unknown": UNKNOWN,
    "first": FIRST,
    "ids": "the i-th of the input's values, from 0, is number first + i; a text is cut, or filled up with padding, to the input's length",
}
"""The tokenizer in words, for whoever writes it anew in another language."""

_IN_ASCII = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:'\w+)*|[!-/:-@\[-^`{-~]", re.ASCII)

# Thai and Lao, Burmese, Khmer, kana, Chinese characters.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f"
)


@cache
def _beyond_ascii() -> tuple[re.Pattern[str], dict[int, str | None]]:
    """The words of any text, and what is done to single characters before; made when the first such text comes."""
    marks: list[str] = []
    changed: dict[int, str | None] = {0x2019: "'"}
    for place in (*range(0x20000), *range(0xE0000, 0xE0200)):
        kind = unicodedata.category(chr(place))
        if kind == "Cc":
            changed[place] = " "
        elif kind in ("Cf", "Cs") or 0xFE00 <= place <= 0xFE0F or 0xE0100 <= place <= 0xE01EF:
            changed[place] = None
        elif kind[0] == "M":
            marks.append(chr(place))
    mark = f"[{''.join(marks)}]"
    letter = rf"[^\W{_ALONE}]"
    part = f"(?:{letter}|{mark})"
    pattern = rf"\d+(?:[.,]\d+)+|{letter}{part}*(?:'{part}+)*|[{_ALONE}]{mark}*|[\U0001f1e6-\U0001f1ff]{{2}}|[^\w\s]"
    return re.compile(pattern), changed


def words_of(text: str, most: int | None = None) -> list[str]:
    """The words of `text` in their order; its first `most`, when that is given. None of them is empty or has a space in it."""
    small = text.lower()
    if small.isascii():
        pattern = _IN_ASCII
    else:
        pattern, changed = _beyond_ascii()
        small = unicodedata.normalize("NFC", small).translate(changed)
    return [found[0][:LONGEST] for found in islice(pattern.finditer(small), most)]


MANY = 5
"""Words with letters that the cells of a column of texts have on average; names and codes have fewer."""


def wordy(cells: Iterable[str]) -> bool:
    """Whether these are texts, of several words each, and not names or codes."""
    counts = [sum(word[0].isalpha() for word in words_of(cell, 4 * MANY)) for cell in islice(cells, 200)]
    return bool(counts) and sum(counts) >= MANY * len(counts)
