"""The page of known plugins, made of docs/plugins.yaml."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from qnas.core.registry import BY_NAME

from .markdown import code, escaped, fence, heading, page, prose, table

DATA = Path(__file__).parents[1] / "plugins.yaml"
NOT_COMPONENTS = ("tracker", "model", "events")
"""What a plugin can have beside components."""
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]+$")]

_NOTICE = "<!-- Written by docs/generator from docs/plugins.yaml: change that file, then run make docs. -->"
_ABOUT = """\
Packages that add something to qnas. Once one is installed, its components stand beside those of qnas in every spec, and
``qnas list`` shows them. The first two are in this repository, with their tests, to copy from.

A plugin runs with your rights as soon as qnas starts. Being listed here says that it exists, not that somebody has
checked it."""
_LISTED = """\
Write it (the [tutorials](index.md) make a plugin of each kind), and publish it. With it installed, both of these must
find nothing wrong:"""
_COMMANDS = """\
$ qnas doctor
$ pytest --pyargs qnas.testing --qnas-plugin NAME"""
_ENTRY = """\
Then add an entry to ``docs/plugins.yaml``, run ``make docs``, and send both as a change to this repository. An entry is
like this one:"""


def _known(kind: str) -> str:
    known = (*BY_NAME, *NOT_COMPONENTS)
    if kind not in known:
        raise ValueError(f"unknown kind '{kind}' (known: {', '.join(known)})")
    return kind


class KnownPlugin(BaseModel):
    """An entry of the file.

    Attributes:
        name: Of its distribution.
        adds: What it adds, in a line.
        kinds: Of its components; also ``tracker``, ``model`` and ``events``.
        link: Where it is: an address, or a folder of this repository.
        licence: As SPDX names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Word
    adds: Annotated[str, Field(pattern=r"^[^\n]+[^\n.]$")]
    kinds: tuple[Annotated[str, AfterValidator(_known)], ...]
    link: Annotated[str, Field(pattern=r"^(https://[^\s()<>]+|examples/[a-z-]+)$")]
    licence: Word


def read_plugins(text: str) -> list[KnownPlugin]:
    """The entries of the file.

    Raises:
        ValidationError: It says which field of which entry is wrong.
    """
    return TypeAdapter(list[KnownPlugin]).validate_python(yaml.safe_load(text))


def known_plugins() -> str:
    """A row for each plugin, and how to get one listed."""
    text = DATA.read_text(encoding="utf-8")
    rows = [
        (_linked(plugin), escaped(plugin.adds), ", ".join(plugin.kinds), plugin.licence)
        for plugin in read_plugins(text)
    ]
    return page(
        "Plugins",
        prose(_ABOUT),
        table(("plugin", "what it adds", "kinds", "licence"), rows),
        heading("Getting yours listed"),
        prose(_LISTED),
        fence(_COMMANDS, "console"),
        prose(_ENTRY),
        fence(text.rpartition("\n\n")[2], "yaml"),
        notice=_NOTICE,
    )


def _linked(plugin: KnownPlugin) -> str:
    """Its name with its address; what is in this repository is no page of the site, so it gets its folder."""
    if plugin.link.startswith("https://"):
        return f"[{code(plugin.name)}]({plugin.link})"
    return f"{code(plugin.name)}, in {code(plugin.link)}"
