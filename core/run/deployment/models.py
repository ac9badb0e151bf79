"""Where a found network is: in the folder of a run, or in that of a model, which has a name."""

import difflib
import shutil
import tempfile
from pathlib import Path

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.registry import plugins
from qnas.core.run.names import MODEL, SPEC

CARD = "card.md"
"""The file in a model's folder that describes it."""


def model_named(name: str) -> Path:
    """The folder of a model.

    Raises:
        InputError: There is no model of that name, or it has no network.
        QnasError: It can't be loaded.
    """
    folder = getattr(plugins().models.load(name), "folder", None)
    if not isinstance(folder, Path) or not RunFolder(folder).has(MODEL):
        distribution = plugins().models.entry(name).distribution
        raise InputError(f"the model '{name}' of {distribution} names no folder that has a {MODEL}")
    return folder


def card_of(name: str) -> str:
    """What a model says of itself, in Markdown.

    Raises:
        InputError: There is no such model, or it has no card.
    """
    card = model_named(name) / CARD
    if not card.is_file():
        raise InputError(f"the model '{name}' has no {CARD}")
    return card.read_text(encoding="utf-8")


def is_model(run: Path) -> bool:
    """Whether it is the name of a model, and not the folder of a run as well."""
    is_name = len(run.parts) == 1 and not RunFolder(run).has(SPEC)
    return is_name and str(run) in _names()


def found_in(run: Path) -> Path:
    """The folder of a run, or that of the model with this name.

    Raises:
        InputError: There is neither, but a model with a name like it.
    """
    if is_model(run):
        return model_named(str(run))
    near = [] if run.exists() else difflib.get_close_matches(str(run), _names(), n=1)
    if near:
        raise InputError(f"there is no such run or model; did you mean the model '{near[0]}'?", str(run))
    return run


def brought_here(run: Path) -> Path:
    """The folder of a run to write to: for a model, a copy of its folder in the current one, which has its name.

    Raises:
        InputError: Something else of that name is there, or see :func:`model_named`.
    """
    if not is_model(run):
        return run
    if run.exists():
        raise InputError("is there already, and is no run: the model of this name can't be copied here", str(run))
    with tempfile.TemporaryDirectory(prefix=f".{run}-", dir=run.parent) as aside:
        shutil.copytree(model_named(str(run)), Path(aside) / run).rename(run)
    return run


def _names() -> list[str]:
    return [entry.name for entry in plugins().models]
