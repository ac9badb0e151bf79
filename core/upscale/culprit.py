"""Which module of a network looks at all of an image in a way that tiles can't do."""

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
    """The path of such a module, of those inside each other the innermost, or ``""`` where none can be named."""
    network = copy.deepcopy(network)
    watch = _Watch()
    for path, module in network.named_modules():
        if isinstance(module, FakeQuantizer):  # a coarse one may round to nothing what comes from afar
            module.register_forward_hook(lambda _, inputs, __: inputs[0])
        elif path:
            module.register_forward_hook(partial(watch.look, path))
    _Known().run(network, noise(SIDE))
    return watch.culprit


class _Known(Interception):
    """Answers what tiles can do the same everywhere."""

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
        """A forward hook: let the module do a part of its input, and compare far from where it was cut."""
        features = inputs[0] if len(inputs) == 1 else None
        if self.culprit or self._is_busy or not (_is_image(features) and _is_image(output)):
            return
        self._is_busy = True
        with contextlib.suppress(Exception):  # it may refuse a part
            part = module(features[:, :, _CUT:, _CUT:])
            height, width = (max(1, extent // 8) for extent in output.shape[2:])
            if differ(part[:, :, -height:, -width:], output[:, :, -height:, -width:]):
                self.culprit = path
        self._is_busy = False


def _is_image(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.dim() == 4
