"""Networks run only for their shapes."""

import contextlib
import functools
import itertools
from collections.abc import Iterator

import torch

from qnas.core.components import Quantizer, Space
from qnas.core.errors import QnasError
from qnas.core.network.fill import build_mixed, slot_candidates
from qnas.core.network.probing.devices import blank_image, made_on_cpu
from qnas.core.registry import PROJECT

_SIZE = (32, 32)


@contextlib.contextmanager
def shapes_only(space: Space, scale: int) -> Iterator[None]:
    """A context to build and run a network of ``space`` for its shapes: without values, unless it needs them."""
    with made_on_cpu() if needs_values(space, scale) else torch.device("meta"):
        yield


@functools.lru_cache(maxsize=16)
def needs_values(space: Space, scale: int) -> bool:
    """Whether a network of ``space`` needs values to run: a part reads them, by ``.item()`` or in an ``if``."""
    candidates = itertools.chain.from_iterable(slot_candidates(space, scale).values())
    operations = {candidate.operation for candidate in candidates}
    if not space.is_foreign() and all(operation.comes_from() == PROJECT for operation in operations):
        return False
    try:
        with torch.device("meta"), torch.no_grad():
            network = build_mixed(space, scale, Quantizer.of("none"), "plain")
            with blank_image(network, 3, _SIZE) as image:
                network.eval()(image)
    except QnasError:
        raise
    except Exception:  # third-party code may raise anything
        return True
    return False
