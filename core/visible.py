r"""Makes untrusted text safe to show: it can't move the cursor or reverse a line, and can be encoded.

Names in specs, of images and in the folders of runs can come from anywhere.
"""

import re
import unicodedata

# The last is a non-breaking space, used between a number and its unit.
_PERHAPS_HIDDEN = re.compile(r"[^\t\n -~\xa0]")


def visible(text: str) -> str:
    r"""The text with escapes for characters that are invisible or change how the rest is shown.

    >>> visible("one\x1b[2J"), visible("two\nlines"), visible("größer")
    ('one\\x1b[2J', 'two\nlines', 'größer')
    """
    return _PERHAPS_HIDDEN.sub(lambda found: _shown(found[0]), text)


def one_line(text: str) -> str:
    r"""The text as :func:`visible` makes it, in one line.

    >>> one_line("two\nlines")
    'two\\nlines'
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _shown(character: str) -> str:
    is_space = unicodedata.category(character) == "Zs"
    return character if is_space or character.isprintable() else ascii(character)[1:-1]
