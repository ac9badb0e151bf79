"""The space of a network that was written elsewhere: any ``nn.Module`` by its import path."""

import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from qnas.core.components import FLOAT, Cost, Operation, Quantizer, Space
from qnas.core.errors import InputError, from_field, in_one_line
from qnas.core.network import Candidate, Survey, convolutions, fill, open_slots, survey
from qnas.spaces.foreign.checkpoint import load_checkpoint
from qnas.spaces.foreign.hooks import Padding, take
from qnas.spaces.foreign.meta import made_on_cpu, to_meta
from qnas.spaces.foreign.target import Arguments, Target, call, with_scale

_ROLE = "convolution"
_SIZE = 32
_ODD = (37, 45)
_TOLERANCE = 1e-3
_UNCOUNTED = 0.01  # a share of the multiply-accumulates that is worth a notice


class ModuleSpace(Space):
    """The convolutions of any network as slots, with the convolution that stood there as the native operation.

    The network takes (N, 3, H, W), RGB in 0..1, and gives (N, 3, H * scale, W * scale). Convolutions of any kernel,
    padding, dilation, groups, bias and padding mode are opened. Transposed ones, frozen ones, those that share weights
    and those of a class of their own are left alone, in float, with a notice. An argument that is itself to be made by
    calling something is a mapping of ``target`` and ``arguments``.

    Attributes:
        target: What to call to make the network, as ``package.module:Name``: of an installed package, or of a Python
            file in the current folder.
        arguments: The keyword arguments that it is called with.
        scale_argument: The argument that is given the scale; ``config.upscale`` is that of an argument's target.
        output: What of its result is the image, for a network that returns more: an attribute, a key or a place.
        multiple: What height and width must be a multiple of, for a network that takes no others: what it is given is
            padded at the bottom and on the right with the last pixels, and the result is cropped.
        open: Patterns of the convolutions to open, as in ``slots``; the others stay as they are, in float.
        weights: What the native operations start from: ``fresh``, the ``module``'s own weights as it was made, or a
            file of them (safetensors, or PyTorch's state dict). Layers that are no slots always start from the
            module's own, or from the file.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {_ROLE: ("native",)}

    target: Target
    arguments: Arguments = {}
    scale_argument: str = ""
    output: str = ""
    multiple: PositiveInt = 1
    open: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    weights: Annotated[str, Field(min_length=1)] = "fresh"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        is_meta = torch.empty(0).is_meta
        signed = _surveyed(self, scale).signed
        if not is_meta:
            return self._opened(self.make(scale), signed)
        with made_on_cpu():
            network = self.make(scale)
        return self._opened(to_meta(network), signed)

    def notices(self, scale: int) -> Sequence[str]:
        """See :meth:`qnas.Space.notices`."""
        left = [f"'{path}' is left alone, in float: {why}" for path, why in _surveyed(self, scale).left.items()]
        share = _uncounted(self, scale)
        told = f"{share:.0%} of what the network multiplies is in no convolution or linear layer, and is not counted"
        return [*left, *([told] if share > _UNCOUNTED else [])]

    def is_foreign(self) -> bool:
        """See :meth:`qnas.Space.is_foreign`."""
        return True

    def make(self, scale: int) -> nn.Module:
        """The network as it was written, with its weights."""
        with from_field("scale_argument"):
            arguments = with_scale(self.arguments, self.scale_argument, scale)
        network = call(self.target, arguments)
        if not isinstance(network, nn.Module):
            with from_field("target"):
                raise InputError(f"{self.target} gives no nn.Module (but: {type(network).__name__})")
        if self.weights not in {"fresh", "module"}:
            with from_field("weights"):
                load_checkpoint(network, self.weights)
        if self.output:
            network.register_forward_hook(functools.partial(take, self.output))
        if self.multiple > 1:
            padding = Padding(self.multiple, scale)
            network.register_forward_pre_hook(padding.pad)
            network.register_forward_hook(padding.crop)
        return network

    def _opened(self, network: nn.Module, signed: Mapping[str, bool]) -> nn.Module:
        return open_slots(network, signed, _ROLE, keep_weights=self.weights != "fresh")


@functools.lru_cache(maxsize=16)
def _surveyed(space: ModuleSpace, scale: int) -> Survey:
    """What is known of the space's network.

    Raises:
        InputError: The network does not take an image, does not enlarge it by ``scale``, has nothing to open, or is
            another once its convolutions are slots.
    """
    with made_on_cpu():
        network = space.make(scale)
        copy = space.make(scale)
    side = -(-_SIZE // space.multiple) * space.multiple
    with from_field("target"):
        found = _survey(space, to_meta(copy), scale, (side, side))
    with from_field("multiple"):
        _survey(space, copy, scale, _ODD)
    with from_field("open"):
        _refuse_unmatched(space, found)
        with made_on_cpu():
            _refuse_changed(space, network, found, side)
    return found


def _survey(space: ModuleSpace, network: nn.Module, scale: int, size: tuple[int, int]) -> Survey:
    height, width = size
    with in_one_line(f"{space.target} can't run on an image of {height} x {width}"):
        found = survey(network, space.open, size)
    if not isinstance(found.output, Tensor):
        kind = type(found.output).__name__
        raise InputError(f"{space.target} gives no image (but: {kind}): say in 'output' what of it is")
    shape, wanted = tuple(found.output.shape), (1, 3, height * scale, width * scale)
    if shape != wanted:
        raise InputError(f"{space.target} makes {shape} of an image of (1, 3, {height}, {width}), not {wanted}")
    return found


def _refuse_unmatched(space: ModuleSpace, found: Survey) -> None:
    if found.unmatched:
        raise InputError(f"no convolution of {space.target} matches {', '.join(found.unmatched)}")
    if not found.signed:
        reasons = "; ".join(f"'{path}': {why}" for path, why in list(found.left.items())[:3])
        raise InputError(f"no convolution of {space.target} can be opened ({reasons or 'it has none'})")


def _refuse_changed(space: ModuleSpace, network: nn.Module, found: Survey, side: int) -> None:
    """Refuse a network that gives another image, or none, once its convolutions are slots that hold them."""
    image = torch.rand(1, 3, side, side)
    with torch.no_grad():
        before, again = network.eval()(image), network(image)
    opened = open_slots(network, found.signed, _ROLE, keep_weights=True)
    native, none = Candidate(Operation.of("native"), FLOAT), Quantizer.of("none")
    filled = fill(opened, lambda _, shape: native.fill(shape, none))
    hint = "leave out of 'open' what it treats by its class or attributes"
    with in_one_line(f"{space.target} can't run with slots ({hint})"), torch.no_grad():
        after = filled(image)
    is_repeatable = torch.equal(before, again)
    if is_repeatable and not torch.allclose(
        before, after, rtol=_TOLERANCE, atol=_TOLERANCE * float(before.abs().max())
    ):
        raise InputError(f"{space.target} gives another image once its convolutions are slots ({hint})")


@functools.lru_cache(maxsize=16)
def _uncounted(space: ModuleSpace, scale: int) -> float:
    """The share of its multiply-accumulates that are in no layer that is counted."""
    with made_on_cpu():
        network = to_meta(space.make(scale)).eval()
    side = -(-_SIZE // space.multiple) * space.multiple
    counted = sum(map(Cost.of("macs").of_convolution, convolutions(network, 3, (side, side))))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, side, side, device="meta"))
    total = counter.get_total_flops() / 2
    return 1 - counted / total if total else 0.0
