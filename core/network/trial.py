"""A trial: whether the network of a space runs, before anything depends on it."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError, in_one_line, place_of
from qnas.core.network.fill import build_found, slot_candidates


@contextlib.contextmanager
def guard(space: Space) -> Iterator[None]:
    """The context in which an error of third-party code becomes one line; ours keeps its traceback.

    So does what the system refuses to qnas itself, such as a write to a full disk.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if not space.is_foreign() or (isinstance(error, OSError) and not place_of(error)):
            raise
        with in_one_line(f"{_named(space)} failed"):
            raise


def refuse_broken(space: Space, scale: int, size: tuple[int, int]) -> None:
    """Refuse a space whose network does not run on an LR image, or does not enlarge it by ``scale``.

    It is tried on one of ``size``, as when training, and on one a pixel larger, as a test image may be.

    Raises:
        InputError: It says what happens instead.
    """
    chosen = {path: options[0] for path, options in slot_candidates(space, scale).items()}
    with _on_meta(space, size):
        network = build_found(space, scale, chosen, Quantizer.of("none")).eval()
    for more in (0, 1):
        _try(network, space, scale, (size[0] + more, size[1] + more))


def _try(network: nn.Module, space: Space, scale: int, size: tuple[int, int]) -> None:
    height, width = size
    with _on_meta(space, size):
        output = network(torch.empty(1, 3, height, width))
    wanted = (1, 3, height * scale, width * scale)
    made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if made != wanted:
        raise InputError(f"{_named(space)} makes {made} of an LR image of {(1, 3, height, width)}, not {wanted}")


@contextlib.contextmanager
def _on_meta(space: Space, size: tuple[int, int]) -> Iterator[None]:
    """Only shapes are computed; what goes wrong is told in one line."""
    what = f"{_named(space)} does not run on an LR image of {size[0]} x {size[1]}"
    with in_one_line(what), torch.device("meta"):
        yield


def _named(space: Space) -> str:
    return f"the network of '{space.known_as}'"
