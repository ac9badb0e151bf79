"""Markdown that reads well as text, on a code host and in MkDocs."""

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 110
NOTICE = "<!-- Written by docs/generator: change the docstrings it reads, then run make docs. -->"

_CODE = re.compile(r"(``.+?``|`.+?`)")
_ROLE = re.compile(r":\w+:`[~!]?([^`]+)`")
_SECTION = re.compile(r"^(Args|Raises|Returns|Attributes|Note):\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}([\w.]+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def page(title: str, *parts: str, notice: str = NOTICE) -> str:
    """A whole page."""
    return "\n\n".join([notice, f"# {title}", *filter(None, parts)]) + "\n"


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"{'#' * level} {text}"


def code(text: str) -> str:
    """A code span."""
    return f"`{text}`" if text else ""


def fence(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or an empty text if it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}", *lines]) if lines else ""


def escaped(text: str) -> str:
    """Prose of a docstring with special characters escaped; text in backticks stays code."""
    parts = _CODE.split(_ROLE.sub(r"``\1``", text))
    return "".join(f"`{part.strip('`')}`" if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    return re.sub(r"([*|\\])", r"\\\1", text).replace("<", "&lt;")


def prose(text: str) -> str:
    """Paragraphs of a docstring, wrapped; indented paragraphs are code and stay as they are."""
    parts = re.split(r"(\n\n+)", text.strip("\n"))  # the gaps too: code may have two empty lines
    return "".join(part if index % 2 else _paragraph(part) for index, part in enumerate(parts))


def _paragraph(text: str) -> str:
    return text if text.startswith("    ") else wrapped(escaped(" ".join(text.split())))


def wrapped(text: str, indent: str = "") -> str:
    """One paragraph, wrapped, but never inside a code span."""
    held = _CODE.sub(lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.fill(held, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def docstring(documented: object, *, leave: Sequence[str] = ()) -> str:
    """The docstring of something, in full except for the sections to ``leave`` out."""
    parts = _SECTION.split(inspect.getdoc(documented) or "")
    sections = zip(parts[1::2], parts[2::2], strict=True)
    shown = [_section(title, body) for title, body in sections if title not in leave]
    return "\n\n".join([prose(parts[0]), *shown])


def _section(title: str, body: str) -> str:
    if title in {"Note", "Returns"}:
        return prose(f"{title}: {inspect.cleandoc(body)}")
    entries = [f"- `{name}`: {escaped(' '.join(text.split()))}" for name, text in _ENTRY.findall(body)]
    return "\n".join([f"{title}:", "", *(wrapped(entry, "  ") for entry in entries)])
