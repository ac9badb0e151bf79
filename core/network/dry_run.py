"""A trial: whether the network of a space runs, before anything depends on it."""

import contextlib
import functools
from collections.abc import Iterator

import torch
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError, as_input_error, place_of
from qnas.core.network.fill import build_original, slot_candidates
from qnas.core.network.probing.devices import blank_image
from qnas.core.network.probing.self_comparison import refuse_other_shape, refuse_unlike_itself
from qnas.core.network.probing.smallest import too_small
from qnas.core.network.shapes import found_for_shapes, shapes_only


@contextlib.contextmanager
def guard(space: Space) -> Iterator[None]:
    """A context in which an error of third-party code becomes one line; errors of qnas keep their traceback.

    So do errors of the system in qnas itself, such as a write to a full disk.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if not space.is_foreign() or (isinstance(error, OSError) and not place_of(error)):
            raise
        with as_input_error(f"{_named(space)} failed"):
            raise


def refuse_broken(space: Space, scale: int, size: tuple[int, int]) -> None:
    """Refuse a space whose network does not run on an LR image, or does not enlarge it by ``scale``.

    The network is tried on an image of ``size``, as in training, and on one a pixel larger, as a test image may be.

    Raises:
        InputError: The message says what happens instead.
    """
    candidates = slot_candidates(space, scale)
    chosen = {path: options[0] for path, options in candidates.items()}
    if space.is_foreign():
        _refuse_unlike_itself(space, scale, any(len(options) > 1 for options in candidates.values()))
    with _for_shapes(space, scale, size):
        network = found_for_shapes(space, scale, chosen, Quantizer.of("none"))
    for more in (0, 1):
        _try(network, space, scale, (size[0] + more, size[1] + more))


def refuse_size(space: Space, scale: int, size: tuple[int, int]) -> None:
    """Refuse an LR image of ``size`` that the network of ``space`` can't take.

    Raises:
        InputError: The message says how large it must be, or what happens instead.
    """
    chosen = {path: options[0] for path, options in slot_candidates(space, scale).items()}
    with _for_shapes(space, scale, size):
        network = found_for_shapes(space, scale, chosen, Quantizer.of("none"))
    try:
        _try(network, space, scale, size)
    except InputError as error:
        with shapes_only(space, scale):
            reason = too_small(network, size, torch.empty(0).device)
        raise InputError(reason or str(error)) from error


@functools.lru_cache(maxsize=16)
def _refuse_unlike_itself(space: Space, scale: int, is_searched: bool) -> None:
    """Cached for each space, since it takes some runs on the CPU."""
    with as_input_error(f"{_named(space)} can't be compared with itself"):
        refuse_unlike_itself(lambda: build_original(space, scale), _named(space), scale, is_searched=is_searched)


def _try(network: nn.Module, space: Space, scale: int, size: tuple[int, int]) -> None:
    with _for_shapes(space, scale, size), torch.no_grad(), blank_image(network, 3, size) as image:
        output = network(image)
    refuse_other_shape(output, image, scale, _named(space))


@contextlib.contextmanager
def _for_shapes(space: Space, scale: int, size: tuple[int, int]) -> Iterator[None]:
    """A context for running a network for its shapes alone; a failure is reported in one line."""
    what = f"{_named(space)} does not run on an LR image of {size[0]} x {size[1]}"
    with as_input_error(what), shapes_only(space, scale):
        yield


def _named(space: Space) -> str:
    return f"the network of '{space.known_as}'"
