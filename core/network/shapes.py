"""Networks run only for their shapes."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import QnasError
from qnas.core.network.candidate import Candidate
from qnas.core.network.fill import build_found, build_mixed, slot_candidates
from qnas.core.network.memo import once_a_space
from qnas.core.network.probing.devices import blank_image, made_on_cpu, without_values
from qnas.core.registry import PROJECT

_SIZE = (32, 32)


@contextlib.contextmanager
def shapes_only(space: Space, scale: int) -> Iterator[None]:
    """A context to build and run a network of ``space`` for its shapes: without values, unless it needs them."""
    with made_on_cpu() if needs_values(space, scale) else without_values():
        yield


def found_for_shapes(space: Space, scale: int, choices: Mapping[str, Candidate], quantizer: Quantizer) -> nn.Module:
    """A found network in evaluation mode, to be run for its shapes alone and otherwise left as it is.

    It is shared by all who ask for it, unless others wrote it: such a network may remember that it ran.
    """
    if space.is_foreign():
        with shapes_only(space, scale):
            return build_found(space, scale, choices, quantizer).eval()
    return _found(space, scale, tuple(choices.items()), quantizer)


@once_a_space
def _found(space: Space, scale: int, choices: tuple[tuple[str, Candidate], ...], quantizer: Quantizer) -> nn.Module:
    with shapes_only(space, scale):
        return build_found(space, scale, dict(choices), quantizer).eval()


@once_a_space
def needs_values(space: Space, scale: int) -> bool:
    """Whether a network of ``space`` needs values to run: a part reads them, by ``.item()`` or in an ``if``."""
    candidates = itertools.chain.from_iterable(slot_candidates(space, scale).values())
    operations = {candidate.operation for candidate in candidates}
    if not space.is_foreign() and all(operation.comes_from() == PROJECT for operation in operations):
        return False
    try:
        with without_values(), torch.no_grad():
            network = build_mixed(space, scale, Quantizer.of("none"), "plain")
            with blank_image(network, 3, _SIZE) as image:
                network.eval()(image)
    except QnasError:
        raise
    except Exception:  # third-party code may raise anything
        return True
    return False
