"""The contract of degradations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnas.core.components import Degradation, Pixels
from qnas.testing.contract import contract
from qnas.testing.failure import told_as

_SCALES = (1, 2, 3, 4)
_NAMES = ("a.png", "sub/b.png")


def check_degradation(reference: Degradation | str | Mapping[str, Any]) -> None:
    """Check that a degradation meets its contract, at every scale from 1 to 4 that it can do.

    It makes images of the right size and type, the same ones at every call and in any order, leaves the HR image as it
    is, and can do at least one scale.

    Args:
        reference: A degradation, its name, or a mapping of its name and fields.

    Raises:
        AssertionError: It breaks its contract.
    """
    with contract(Degradation.of, reference) as degradation:
        scales = [scale for scale in _SCALES if not _reason(degradation, scale)]
        assert scales, f"it can do none of the scales {', '.join(map(str, _SCALES))}"
        for scale in scales:
            with told_as(f"at scale {scale}"):
                _check_scale(degradation, scale)


def _reason(degradation: Degradation, scale: int) -> str:
    reason: object = degradation.unfit(scale)
    assert isinstance(reason, str), f"it says {reason!r} of scale {scale}, which is not text"
    return reason


def _check_scale(degradation: Degradation, scale: int) -> None:
    random = np.random.default_rng(scale)
    size = (13, 17)
    images = {name: random.integers(0, 256, (size[0] * scale, size[1] * scale, 3), dtype=np.uint8) for name in _NAMES}
    first = {name: _made(degradation, hr, size, name) for name, hr in images.items()}
    for name, hr in reversed(images.items()):
        again = _made(Degradation.of(degradation.reference()), hr, size, name)
        assert np.array_equal(again, first[name]), "it makes different LR images of one image from call to call"


def _made(degradation: Degradation, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
    before = hr.copy()
    lr: object = degradation.degrade(hr, size, name)
    assert np.array_equal(hr, before), "it changes the HR image"
    assert isinstance(lr, np.ndarray), f"it makes an object of type {type(lr).__name__}, not an array"
    assert lr.shape == (*size, 3) and lr.dtype == np.uint8, f"it makes {lr.shape} {lr.dtype}, not {(*size, 3)} uint8"
    return lr
