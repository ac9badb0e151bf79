"""Pieces of HTML that a notebook shows: nothing in them can be taken for markup, and nothing is fetched."""

import html
from collections.abc import Iterable, Sequence

from qnas.core.visible import visible


def escaped(text: object) -> str:
    """The text of anything, as HTML.

    >>> escaped("a < b")
    'a &lt; b'
    """
    return html.escape(visible(str(text)))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table with a row of headings."""
    head = "".join(f"<th>{escaped(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption style='text-align:left'>{escaped(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def lines(texts: Iterable[object]) -> str:
    """Paragraphs."""
    return "".join(f"<p>{escaped(text)}</p>" for text in texts)


def page(content: str, height: int = 720) -> str:
    """A whole page inside of another, which it can't reach."""
    style = f"width:100%;height:{height}px;border:0"
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{html.escape(content)}"></iframe>'
