"""The files of a new plugin, and the folder that they are written to."""

import datetime
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from qnas.core.cli.commands.new.name import PluginName
from qnas.core.registry import API_VERSION, BY_NAME, KINDS

_SUFFIX = ".j2"


def plugin_files(name: PluginName, kinds: Sequence[str]) -> dict[str, str]:
    """Path to text of every file; the tree of templates shows where each comes from.

    Args:
        name: The plugin's.
        kinds: Kinds of components, and ``events``.
    """
    environment = Environment(
        loader=PackageLoader("qnas.core.cli.commands.new", "templates"),
        autoescape=False,  # noqa: S701 - none of it is HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    context = {
        "name": name,
        "api": API_VERSION,
        "year": datetime.date.today().year,
        "kinds": kinds,
        "registered": [kind for kind in kinds if kind in KINDS],
        "hooks": {kind: BY_NAME[kind].hook for kind in KINDS},
        "classes": {kind: name.class_of(kind) for kind in KINDS},
    }
    left_out = {f"package/{kind}.py{_SUFFIX}" for kind in KINDS if kind not in kinds}
    wanted = [template for template in environment.list_templates([_SUFFIX[1:]]) if template not in left_out]
    return {_place(t, name): environment.get_template(t).render(context) for t in wanted}


def _place(template: str, name: PluginName) -> str:
    folder, _, rest = template.removesuffix(_SUFFIX).rpartition("/")
    renamed = {"package": name.package, "github": ".github/workflows"}
    return "/".join(filter(None, (renamed.get(folder, folder), rest)))


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder with these files, or nothing: aside first, then renamed into place."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for place, text in files.items():
            path = aside / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
