"""What a run runs on and learns from, and whether it is still that when the run goes on."""

import importlib.metadata
import platform
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from qnas.core.components import Dataset, Space
from qnas.core.errors import InputError, QnasWarning, from_field
from qnas.core.files.folder import RunFolder
from qnas.core.images.cache import digest_of
from qnas.core.images.settings import Data
from qnas.core.processor import instruction_set, processor_name
from qnas.core.ranks import world
from qnas.core.registry import plugins
from qnas.core.run.images import RunImages, named_sets
from qnas.core.run.names import ENVIRONMENT, IMAGES
from qnas.core.run.record import RunRecord

_PACKAGES = ("qnas", "torch", "numpy", "pillow", "scikit-image", "h5py", "pydantic", "safetensors")
_DECISIVE_PACKAGES = ("torch", "numpy")
_SHOWN = 3
_DECISIVE = ("device_name", "instructions", "threads", "processes")


def environment(seed: int, device: torch.device, command: Sequence[str], space: Space | None = None) -> dict[str, Any]:
    """Versions, device, seed and command line; also the versions of what the network of ``space`` is made with."""
    return {
        "command": list(command),
        "seed": seed,
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "processes": world().size,
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES} | _third_parties() | _used_by(space),
    }


def _used_by(space: Space | None) -> dict[str, str]:
    """The distributions of the packages that a space's network is made with."""
    packages = space.packages() if space else ()
    owners = importlib.metadata.packages_distributions() if packages else {}
    names = sorted({name for package in packages for name in owners.get(package, ())})
    return {name: importlib.metadata.version(name) for name in names}


def _third_parties() -> dict[str, str]:
    """The distributions whose plugins are loaded, which may have had a part in the run."""
    return {info.distribution: info.version for info in plugins().found if not (info.is_ours or info.lack)}


def image_digests(data: Data, scale: int) -> dict[str, str]:
    """What changes with the pixels of a set, by ``data.train`` and ``data.test.NAME``, once the images were loaded.

    It stands in the pack that they are in, or in the cache's; sets that are in neither are left out.
    """
    sets = {".".join(("data", *field)): dataset for field, dataset in named_sets(data)}
    digests = {name: digest_of(dataset, scale, data.degradation) for name, dataset in sets.items()}
    return {name: digest for name, digest in digests.items() if digest}


def warn_of_changes(folder: RunFolder, facts: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    """Warn that a run which goes on need not end as it would have, as its machine or its images are others.

    Args:
        folder: The run's.
        facts: Its :func:`environment` now.
        digests: Its :func:`image_digests` now.

    Raises:
        InputError: What it began with can't be read.
    """
    began = RunRecord(folder)
    before, images = began.environment, began.image_digests
    now = dict(_decisive(facts))
    earlier = {processor_name(): instruction_set()}  # what runs called the processor before its name was looked up
    pairs = [(name, was, now[name]) for name, was in _decisive(before)]
    changed = [f"{name} was {was} and is {new}" for name, was, new in pairs if was not in (new, earlier.get(new, new))]
    if changed:
        what = f"it is not on what it began on ({ENVIRONMENT}): {', '.join(changed)}"
        _warn(folder, f"{what}; it goes on, but need not end with the same bytes")
    others = [name for name, digest in digests.items() if images.get(name, digest) != digest]
    if others:
        what = f"the images of {' and '.join(others)} are not those that it began with ({IMAGES})"
        _warn(folder, f"{what}; it goes on with those of now")


def _decisive(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What decides the last bits of what is computed, as far as it is known."""
    packages = facts.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    for known, names in ((facts, _DECISIVE), (versions, _DECISIVE_PACKAGES)):
        yield from ((name, known[name]) for name in names if name in known)


def _warn(folder: RunFolder, what: str) -> None:
    warnings.warn(f"{folder.path}: {what}", QnasWarning, stacklevel=3)


def image_names(images: RunImages) -> dict[str, list[str]]:
    """The names of a run's images by ``data.train`` and ``data.test.NAME``, of whole images where it has crops."""
    train = sorted({image.whole_name for image in (*images.train, *images.learn.validation)})
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
    began = RunRecord(folder).image_names
    for field, dataset in named_sets(data):
        names = began.get(".".join(("data", *field)))
        if isinstance(names, list):
            with from_field("data", *field):
                _refuse_gone(dataset, list(map(str, names)), is_cut=data.crop is not None and field == ("train",))


def _refuse_gone(dataset: Dataset, names: Sequence[str], *, is_cut: bool) -> None:
    try:
        count = dataset.count()
    except InputError as error:
        raise InputError(f"{error}; to go on, the run needs the images that it began with: {_some(names)}") from error
    if is_cut and count < len(names):  # runs stated the names of crops before
        names = sorted({re.sub(r"_x\d+_y\d+$", "", name) for name in names})
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
