"""Finds the module of a network that looks at the whole image in a way that tiles can't reproduce."""

import contextlib
import copy
from functools import partial
from typing import Any, TypeGuard

from torch import Tensor, nn

from qnas.core.components import FakeQuantizer
from qnas.core.upscale.interception import Compute, Interception
from qnas.core.upscale.receptive_field import SIDE
from qnas.core.upscale.trying import differ, noise
from qnas.core.upscale.whole_image import Resize, WholeImageCall

_CUT = 96  # pixels, a multiple of every step


def find_culprit(network: nn.Module) -> str:
    """The path of such a module, the innermost if they are nested, or ``""`` if none can be found."""
    network = copy.deepcopy(network)
    watch = _Watch()
    for path, module in network.named_modules():
        if isinstance(module, FakeQuantizer):  # a coarse one may round away distant influence
            module.register_forward_hook(lambda _, inputs, __: inputs[0])
        elif path:
            module.register_forward_hook(partial(watch.look, path))
    _Known().run(network, noise(SIDE))
    return watch.culprit


class _Known(Interception):
    """Gives calls that tiles can reproduce the same result everywhere."""

    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """See :meth:`Interception.answer`."""
        del index
        return compute() if isinstance(call, Resize) and call.is_multiple else call.neutral()


class _Watch:
    """Finds the first module that needs all of its input."""

    def __init__(self) -> None:
        self.culprit = ""
        self._is_busy = False

    def look(self, path: str, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        """A forward hook: run the module on a part of its input, and compare the results far away from the cut."""
        features = inputs[0] if len(inputs) == 1 else None
        if self.culprit or self._is_busy or not (_is_image(features) and _is_image(output)):
            return
        self._is_busy = True
        with contextlib.suppress(Exception):  # the module may refuse a part
            part = module(features[:, :, _CUT:, _CUT:])
            height, width = (max(1, extent // 8) for extent in output.shape[2:])
            if differ(part[:, :, -height:, -width:], output[:, :, -height:, -width:]):
                self.culprit = path
        self._is_busy = False


def _is_image(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.dim() == 4
