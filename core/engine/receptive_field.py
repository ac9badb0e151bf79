"""The receptive field of a network: how far around it a pixel of the output depends on the input."""

import contextlib
import copy
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer, freeze_statistics, measuring
from qnas.core.engine.cutting import ReceptiveField
from qnas.core.engine.seamless import seamless
from qnas.core.errors import InputError

_CPU = torch.device("cpu")
_SIDE = 256  # pixels, of the largest image that is tried
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96)
_CORE = 32  # pixels that are compared, at least
_CUT = 96  # pixels, a multiple of every step
_ROUNDING = 1e-5  # of the largest value; where pixels can't be computed alike to the bit
_STRAYS = 5e-3  # of the pixels; then what lies between two levels of a quantizer may be rounded to either


class TilingError(InputError):
    """Tiles would not fit together: what the network makes of a pixel depends on more than what is near it."""


@torch.inference_mode()
def find_receptive_field(network: nn.Module, scale: int) -> ReceptiveField:
    """The receptive field of a network in evaluation mode.

    Images are sent through of which one pixel is not a number: that passes every layer, whatever its weights, to all
    that depends on the pixel. Then another image is enlarged in parts to see that they fit together.

    Args:
        network: It may be on any device; the field is found on the CPU.
        scale: The factor that it enlarges by.

    Raises:
        TilingError: A statistic is not frozen, the halo is more than 127 pixels, or the result depends on the size
            of the image or on the place in it. It names the module that does it.
    """
    statistics = measuring(network)
    if statistics:
        frozen = copy.deepcopy(network)
        freeze_statistics(frozen)
        find_receptive_field(frozen, scale)  # what else looks at all of it is told first
        raise TilingError(_told(*statistics) + ", or freeze it to its mean in training (--freeze)")
    if any(parameter.device != _CPU for parameter in network.parameters()):
        network = copy.deepcopy(network).to(_CPU)
    with seamless(_CPU):
        reach = _reach(network, scale, _SIDE, _SIDE // 2, step=1)
        for step in _STEPS if max(reach) < _SIDE // 2 - 1 else ():
            halo = _halo(network, scale, max(reach), step)
            if halo is not None and _can_be_cut(network, scale, ReceptiveField(halo, step)):
                return ReceptiveField(halo, step)
        raise TilingError(_told(*filter(None, [_culprit(network)])))


def _told(*paths: str) -> str:
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    what = f"'{paths[0]}'{more} looks at all of the image" if paths else "pixels depend on more than what is near them"
    return f"{what}, so tiles would not fit together: enlarge it whole (--tile 0)"


def _reach(network: nn.Module, scale: int, side: int, place: int, step: int) -> tuple[int, ...]:
    """How many LR pixels the influence of a pixel reaches up, down, to the left and to the right.

    Args:
        network: What is looked into.
        scale: The factor that it enlarges by.
        side: Height and width of the image.
        place: Row and column of the pixel; of the first, where there are several.
        step: So many pixels a side have influence at once.
    """
    last = place + step - 1
    image = torch.full((1, 3, side, side), 0.5)
    image[:, :, place : last + 1, place : last + 1] = torch.nan
    reached = network(image).isnan().any(dim=1)[0]  # (side * scale, side * scale)
    if not reached.any():
        return (side,) * 4  # what hides what it depends on may depend on anything
    rows, columns = (reached.any(dim=axis).nonzero() // scale for axis in (1, 0))
    return tuple(int(reach) for line in (rows, columns) for reach in (last - line.min(), line.max() - place))


def _halo(network: nn.Module, scale: int, reach: int, step: int) -> int | None:
    """How far a step of pixels reaches, or None if that is not the same everywhere and in images of any size."""
    side = 2 * (reach + 2 * step)
    middle = -(-side // 2 // step) * step
    places = ((side, middle), (side, middle + step), (side + 1, middle), (side + step + 5, middle))
    reaches = {_reach(network, scale, *place, step) for place in places}
    return max(reaches.pop()) if len(reaches) == 1 else None


def _can_be_cut(network: nn.Module, scale: int, field: ReceptiveField) -> bool:
    """Whether an image without its first step, or its last pixel, becomes what it is without, but for the halo."""
    side = field.halo + field.step + _CORE
    image = _test_image(side)
    whole = network(image)
    begun, ended = (field.step, side, field.step + field.halo, side), (0, side - 1, 0, side - 1 - field.halo)
    for axis in (2, 3):
        for start, stop, inner, inner_stop in (begun, ended):
            part = network(image.narrow(axis, start, stop - start))
            ours = part.narrow(axis, (inner - start) * scale, (inner_stop - inner) * scale)
            if _differ(ours, whole.narrow(axis, inner * scale, (inner_stop - inner) * scale)):
                return False
    return True


def _test_image(side: int) -> Tensor:
    """Noise that has contrasts of all sizes and gets brighter to the right."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.linspace(0.2, 1, side).expand(1, 3, side, side)
    for size in (1, 4, 16, 64):
        cells = torch.rand(1, 3, *[-(-side // size)] * 2, generator=generator).sqrt()
        noise = noise * cells.repeat_interleave(size, 2).repeat_interleave(size, 3)[..., :side, :side]
    return noise


def _differ(ours: Tensor, theirs: Tensor) -> bool:
    differs = (ours - theirs).abs() > _ROUNDING * theirs.abs().max()
    return float(differs.float().mean()) > _STRAYS


class _Watch:
    """Finds the first module, of those inside each other the innermost, that needs all of its input."""

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
            if _differ(part[:, :, -height:, -width:], output[:, :, -height:, -width:]):
                self.culprit = path
        self._is_busy = False


def _is_image(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.dim() == 4


def _culprit(network: nn.Module) -> str:
    """The path of a module that looks at more than what is near, or ``""`` where it can't be told."""
    network = copy.deepcopy(network)
    watch = _Watch()
    for path, module in network.named_modules():
        if isinstance(module, FakeQuantizer):  # a coarse one may round to nothing what comes from afar
            module.register_forward_hook(lambda _, inputs, __: inputs[0])
        elif path:
            module.register_forward_hook(partial(watch.look, path))
    network(_test_image(_SIDE))
    return watch.culprit
