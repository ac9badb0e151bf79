"""Images as they are given to the API: a place, several, or a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qnas.core.components import Dataset
from qnas.core.images.places import dataset_in
from qnas.core.registry import plugins


def as_data(images: Dataset | str | Path | Sequence[str | Path] | Mapping[str, Any]) -> Any:
    """What a spec says of these images.

    Args:
        images: A data set as a spec says it, a folder of images, a pack, or several folders.

    Raises:
        InputError: There are other files than one pack among several.
    """
    if isinstance(images, Dataset | Mapping):
        return images
    if isinstance(images, str) and images in {entry.name for entry in plugins().registries[Dataset.kind]}:
        return images
    places = [images] if isinstance(images, str | Path) else list(images)
    return dataset_in(*(Path(place).expanduser() for place in places))
