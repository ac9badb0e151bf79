"""Which images a run began with, and whether they are all there when it goes on."""

from collections.abc import Sequence

from qnas.core.components import Dataset
from qnas.core.errors import InputError, from_field
from qnas.core.files.folder import RunFolder
from qnas.core.images.settings import Data
from qnas.core.run.images import RunImages, named_sets

NAMES = "image_names.json"
_SHOWN = 3


def image_names(images: RunImages) -> dict[str, list[str]]:
    """The names of a run's images by ``data.train`` and ``data.test.NAME``."""
    train = sorted(image.name for image in (*images.train, *images.learn.validation))
    tests = {f"data.test.{name}": sorted(image.name for image in pairs) for name, pairs in images.test.items()}
    return {"data.train": train, **tests}


def refuse_gone(folder: RunFolder, data: Data) -> None:
    """Refuse to go on with a run when images that it began with are gone.

    Args:
        folder: The run's.
        data: What its spec says of images.

    Raises:
        InputError: It says which; its ``field`` says which field of the spec is meant.
    """
    began = folder.read_json(NAMES) if folder.has(NAMES) else {}
    for field, dataset in named_sets(data):
        names = began.get(".".join(("data", *field)))
        if isinstance(names, list):
            with from_field("data", *field):
                _refuse_gone(dataset, list(map(str, names)))


def _refuse_gone(dataset: Dataset, names: Sequence[str]) -> None:
    try:
        count = dataset.count()
    except InputError as error:
        raise InputError(f"{error}; to go on, the run needs the images that it began with: {_some(names)}") from error
    gone = _gone(dataset, names)
    if gone:
        what = f"{len(gone)} of the {len(names)} images that the run began with are gone: {_some(gone)}"
        raise InputError(f"{what}; it needs them to go on")
    if count < len(names):
        raise InputError(f"has {count} images; the run began with {len(names)}, and needs them to go on")


def _gone(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """Those of the images that are not there any more, as far as that is known without decoding any."""
    try:
        there = {source.name for source in dataset.sources([])}
    except InputError:  # it can only be read one after another
        return []
    return sorted(set(names) - there)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
