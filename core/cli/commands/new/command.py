"""``qnas new plugin``: writes a plugin to start from."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.core.cli.commands.list import known_kind
from qnas.core.errors import InputError
from qnas.core.registry import KINDS, plural_of

if TYPE_CHECKING:
    from qnas.core.cli.commands.new.name import PluginName

EVENTS = "events"
OFFERED = (*KINDS, EVENTS)


@click.group()
def new() -> None:
    """Start a plugin of your own: qnas new plugin NAME."""


@new.command()
@click.argument("name")
@click.option(
    "--kind",
    "wanted",
    metavar="KIND",
    multiple=True,
    default=["space"],
    help=f"What it has: {', '.join(OFFERED)}. Can be given several times [default: space].",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Where to put it [default: here].")
def plugin(name: str, wanted: Sequence[str], out: Path) -> None:
    """Write the plugin qnas-NAME, such as: qnas new plugin shuffle --kind operation.

    It has a small working component of each KIND to start from, and can be installed, tested and run as it is.
    """
    from qnas.core.cli.commands.new.name import PluginName
    from qnas.core.cli.commands.new.package import plugin_files, write_folder

    kinds = _in_order(wanted)
    named = PluginName.parse(name)
    _refuse_taken(named, kinds)
    _refuse_installed(named)
    folder = out / named.distribution
    _refuse_place(folder)
    write_folder(folder, plugin_files(named, kinds))
    _say_what_is_next(folder, kinds)


def _in_order(wanted: Sequence[str]) -> list[str]:
    known = [known_kind(given, OFFERED) for given in wanted]
    return [kind for kind in OFFERED if kind in known]


def _refuse_taken(name: "PluginName", kinds: Sequence[str]) -> None:
    from qnas.core.registry import plugins

    registries = plugins().registries
    for kind in kinds:
        for entry in registries.get(kind, ()):
            if entry.name == name.component:
                raise InputError(f"{entry.distribution} has the {kind} '{entry.name}' already; choose another name")


def _refuse_installed(name: "PluginName") -> None:
    """To install the new plugin would replace what is there under that name."""
    import importlib.metadata
    import importlib.util

    for distribution in importlib.metadata.distributions(name=name.distribution):
        found = f"{distribution.name} {distribution.version}"
        raise InputError(f"{found} is installed already: choose another name, or add to it what you want")
    if importlib.util.find_spec(name.package):
        raise InputError(f"there is a module '{name.package}' already: choose another name")


def _refuse_place(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise InputError("is there already; nothing is overwritten", str(folder))
    if not folder.parent.is_dir():
        raise InputError("there is no such folder to put the plugin in", str(folder.parent))


def _say_what_is_next(folder: Path, kinds: Sequence[str]) -> None:
    click.echo(f"Wrote {folder} ({', '.join(kinds)}). Next:\n")
    into, install = f"cd {shlex.quote(str(folder))}", "pip install -e '.[test]'"
    for command in (into, install, _listing(kinds), "pytest", "qnas run spec.yaml"):
        click.echo(f"  {command}")


def _listing(kinds: Sequence[str]) -> str:
    """The command that shows that the plugin is there."""
    registered = [kind for kind in kinds if kind != EVENTS]
    if not registered:
        return "qnas doctor"
    return f"qnas list {plural_of(registered[0])}" if len(registered) == 1 else "qnas list"
