"""How much memory a network needs to enlarge an image, and how much is available."""

import copy
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qnas.core.upscale.exact_ops import exact_ops

_MACHINE = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")
_SIDES = (64, 96)  # pixels, of the images for the measurement


class Footprint(NamedTuple):
    """The peak size in bytes of a network's tensors, without its weights.

    Attributes:
        fixed: Bytes for any image.
        per_pixel: Bytes for each LR pixel.
    """

    fixed: float
    per_pixel: float

    def of(self, pixels: int) -> int:
        """Bytes for an image of ``pixels`` LR pixels."""
        return int(self.fixed + self.per_pixel * pixels)


@torch.inference_mode()
def footprint(network: nn.Module) -> Footprint:
    """The footprint of a network in evaluation mode, measured on two small images.

    Note:
        The temporary memory of kernels is not measured, so the footprint is a lower bound.
    """
    network = copy.deepcopy(network).to("cpu")
    peaks = []
    for side in _SIDES:
        image = torch.full((1, 3, side, side), 0.5).contiguous(memory_format=torch.channels_last)  # as images come
        with exact_ops(torch.device("cpu")), _Tensors() as tensors:
            network(image)
        peaks.append(tensors.peak + image.nbytes)
    pixels = [side**2 for side in _SIDES]
    per_pixel = (peaks[1] - peaks[0]) / (pixels[1] - pixels[0])
    return Footprint(max(0.0, peaks[0] - per_pixel * pixels[0]), per_pixel)


class _Tensors(TorchDispatchMode):
    """Counts the bytes of all live tensors made in the context.

    Attributes:
        peak: The largest number of bytes at any time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._bytes = 0
        self._live: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """A hook of PyTorch's: keeps it from importing its compiler, which takes seconds and is not used."""
        return False

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See :class:`torch.utils._python_dispatch.TorchDispatchMode`."""
        del types
        result = func(*args, **(kwargs or {}))
        given = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in given:
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._live:
            return
        self._live.add(key)
        self._bytes += storage.nbytes()
        self.peak = max(self.peak, self._bytes)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._live.discard(key)
        self._bytes -= size


def available(device: torch.device) -> int | None:
    """Free bytes on a device, or None if unknown."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    """The bytes left by the machine, by the container and by the limits of the process."""
    machine = _fields(_MACHINE)
    if "MemAvailable" in machine:
        yield (machine["MemAvailable"] + machine.get("SwapFree", 0)) * 1024
    elif hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield from _of_container()
    yield from _of_process()


def _of_container() -> Iterator[int]:
    """The bytes left by control groups of either version."""
    for limit, used, kept in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = (_number(_CONTAINER / name) for name in (limit, used))
        if most is not None and now is not None:
            cached = _fields((_CONTAINER / used).with_name("memory.stat")).get(kept, 0)
            yield max(0, most - now + cached)


def _of_process() -> Iterator[int]:
    try:
        import resource
    except ImportError:  # on Windows
        return
    status = _fields(Path("/proc/self/status"))
    for limit, used in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY and used in status:
            yield max(0, most - status[used] * 1024)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max" means no limit
        return None


def _fields(file: Path) -> dict[str, int]:
    """The numbers of a file with lines such as ``Name: 123 kB``, by name."""
    try:
        lines = [line.replace(":", " ").split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
