"""The skeleton of nearly every efficient SR network: known networks are presets of it, and new spaces extend it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from qnas.core.components import Activation, Block, Original, Residual, is_signed, make_activation
from qnas.core.network import Gain, Slot
from qnas.core.settings import invalid
from qnas.spaces.image_residual import Enlarge, ImageResidual
from qnas.spaces.mean_colour import Colour, MeanColour
from qnas.spaces.with_weights import WithWeights

RGB = 3

Convolutions = tuple[Original, ...]
Body = Annotated[tuple[Block, ...], Field(min_length=1)]
Entrance = Literal["body", "upsample", "tail", "every"]


class Skeleton(WithWeights):
    """A network composed of a head, a body of blocks, fusion, skip, upsampling and a tail.

    Every convolution is a slot. Where a part is a list of operations, these are its original convolutions in order,
    with the activation between them. Slot paths begin with the part: ``head.0``, ``body.1.refine.2``, ``fusion.0``,
    ``upsample.0``, ``tail.0``.

    With an image-space residual, the network's own output is multiplied by one learned number. It starts at 0, and in
    the search a little above.

    Attributes:
        channels: Width of the network, except where a block has its own.
        activation: Activation of the network.
        head: Original convolutions from the image to the width; without any, the image is repeated to the width.
        body: Blocks of the body, in order.
        collect: What leaves the body: the ``last`` block's output, or ``all`` blocks' outputs, concatenated.
        fusion: Original convolutions after the body.
        skip: Whether the head's output is added before upsampling.
        skip_residual: How it is added: the residual around everything between the head and upsampling.
        upsampler: ``pixel-shuffle`` enlarges at once, ``two-step`` twice by 2 at scale 4.
        upsample: Original convolutions before each pixel shuffle.
        upsample_to: What comes out of upsampling: the ``image``, or ``features`` of the network's width.
        tail: Original convolutions at the size of the output. On an image, their output is added to it; on features,
            the last one makes the image.
        tail_residual: How the tail's output is added to the image: the residual around the tail.
        activate: Parts that get the activation in front as well: ``body``, ``upsample``, ``tail`` (which includes the
            second step of upsampling). With ``every``, so does each slot without an activation whose input may be
            negative, in fusion and attention too.
        image_residual: How the input image is enlarged and added to the output.
        mean: A colour, RGB in 0..1, that is subtracted from the image before the head and added to the output; by
            default none. The head's padding then stands for this colour.
    """

    unwritten = (*WithWeights.unwritten, "mean")

    scales: ClassVar[frozenset[int]] = frozenset({1, 2, 3, 4})

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    example = {"channels": 8, "body": ["residual", "spab"]}

    channels: PositiveInt = 32
    activation: Activation = "relu"
    head: Convolutions = ("conv3x3",)  # type: ignore[assignment]
    body: Body = ({"block": "residual", "repeat": 4},)  # type: ignore[assignment]
    collect: Literal["last", "all"] = "last"
    fusion: Convolutions = ("conv3x3",)  # type: ignore[assignment]
    skip: bool = True
    skip_residual: Residual = "plain"  # type: ignore[assignment]
    upsampler: Literal["pixel-shuffle", "two-step"] = "pixel-shuffle"
    upsample: Annotated[Convolutions, Field(min_length=1)] = ("conv3x3",)  # type: ignore[assignment]
    upsample_to: Literal["image", "features"] = "image"
    tail: Convolutions = ()
    tail_residual: Residual = "plain"  # type: ignore[assignment]
    activate: tuple[Entrance, ...] = ()
    image_residual: ImageResidual = "none"
    mean: Colour | None = None

    def roles(self) -> Mapping[str, Sequence[str]]:
        """The roles of the skeleton and its blocks; the default of each is the original operation."""
        inside = itertools.chain.from_iterable(block.roles for block in self.body)
        behind = [role for role in ("fusion", "upsample", "tail") if getattr(self, role)]
        there = dict.fromkeys([*["head"] * bool(self.head), *inside, *behind], ("native",))
        return {role: self.defaults.get(role, native) for role, native in there.items()}

    def blocks(self) -> list[tuple[Block, int]]:
        """Every block, as often as it is repeated, and its number of input channels."""
        every = [block for part in self.body for block in [part] * part.repeat]
        channels = itertools.accumulate(every, lambda c, block: block.out_channels(c), initial=self.channels)
        return list(zip(every, channels, strict=False))

    @property
    def subtracted(self) -> Colour | None:
        """See :attr:`.WithWeights.subtracted`."""
        return self.mean

    def compose(self, scale: int) -> nn.Module:
        """See :meth:`.WithWeights.compose`."""
        network = SkeletonNetwork(self, scale)
        if "every" in self.activate:
            _activate_every(network, self.activation)
        return network

    def refines_image(self) -> bool:
        """Whether the tail's output is added to the enlarged image."""
        return self.upsample_to == "image" and bool(self.tail)

    def is_foreign(self) -> bool:
        """See :meth:`qnas.Space.is_foreign`."""
        return super().is_foreign() or any(block.comes_from() != self.comes_from() for block in self.body)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        title = type(self).__name__
        if not self.head and self.channels % RGB:
            message = f"without a head the image is repeated: the channels must be a multiple of {RGB}"
            invalid(title, message, self.channels, "channels")
        if self.upsample_to == "features" and not self.tail:
            invalid(title, "features need a tail that turns them into an image", self.upsample_to, "upsample_to")
        if not self.skip and self.skip_residual.name != "plain":
            invalid(title, "there is no skip to put it around", self.skip_residual.label, "skip_residual")
        if not self.refines_image() and self.tail_residual.name != "plain":
            message = "there is no tail whose output is added to the image"
            invalid(title, message, self.tail_residual.label, "tail_residual")
        if self.collect == "all" and not self.fusion:
            invalid(title, "outputs that are concatenated need a fusion", self.collect, "collect")
        self._blocks_fit(title)
        return self

    def _blocks_fit(self, title: str) -> None:
        out = self.channels
        for block, channels in self.blocks():
            out = block.out_channels(channels)
            reason = block.unfit(channels)
            if out != channels and block.residual.name != "none":
                reason = f"its {block.residual.label} residual can't add {channels} channels to {out}"
            if reason:
                place = self.body.index(block)
                invalid(title, f"'{block.label}' can't stand here: {reason}", block.name, "body", place)
        if self.skip and not self.fusion and out != self.channels:
            message = f"the head's {self.channels} channels can't be added to the body's {out}: add a fusion"
            invalid(title, message, self.skip, "skip")


class SkeletonNetwork(nn.Module):
    """The network of a skeleton."""

    def __init__(self, space: Skeleton, scale: int) -> None:
        super().__init__()
        self.mean = None if space.mean is None else MeanColour(space.mean)
        self.head = _head(space)
        self.enter = make_activation(_before(space, "body"), space.channels)
        self.body = nn.ModuleList(
            block.residual.wrap(block.build(channels, space.activation), channels) for block, channels in space.blocks()
        )
        self.fusion, channels = _fusion(space)
        self.upsample, channels = _upsampler(space, channels, scale)
        before = _before(space, "tail")
        self.tail = nn.Sequential(*_chain(space, "tail", channels, RGB, before, space.tail, change=len(space.tail) - 1))
        self.trunk: nn.Module = Listed(Trunk(self.enter, self.body, self.fusion, space.collect))
        if space.skip:
            self.trunk = space.skip_residual.wrap(self.trunk, space.channels)
        self.refine: nn.Module = Listed(self.tail)
        if space.refines_image():
            self.refine = space.tail_residual.wrap(self.refine, RGB)
        self.enlarge = None if space.image_residual == "none" else Enlarge(space.image_residual, scale)
        if self.enlarge is not None:
            self.gain = Gain()

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        image = lr_image if self.mean is None else self.mean(lr_image)
        result: Tensor = self.refine(self.upsample(self.trunk(self.head(image))))
        if self.enlarge is not None:
            result = self.gain(result) + self.enlarge(lr_image)
        return result if self.mean is None else self.mean.add_to(result)


class Trunk(nn.Module):
    """Everything between the head and upsampling."""

    def __init__(self, enter: nn.Module, body: nn.ModuleList, fusion: nn.Module, collect: str) -> None:
        super().__init__()
        self.enter = enter
        self.body = body
        self.fusion = fusion
        self.collect = collect

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, the fusion's channels, H, W)."""
        outputs = []
        features = self.enter(features)
        for block in self.body:
            features = block(features)
            outputs.append(features)
        fused: Tensor = self.fusion(torch.cat(outputs, dim=1) if self.collect == "all" else features)
        return fused


class Listed(nn.Module):
    """Runs a part whose layers are listed elsewhere in the network, so that a residual changes no path of theirs."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self._part = (part,)  # PyTorch lists modules, but not what is in a tuple

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the part's output."""
        result: Tensor = self._part[0](features)
        return result


class Repeat(nn.Module):
    """Repeats the image's colours until there are enough channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, channels, H, W)."""
        return image.repeat(1, self.channels // RGB, 1, 1)


def _activate_every(network: nn.Module, activation: Activation) -> None:
    """Put the activation before each slot that has none and may read negative values (unlike those of the image)."""
    for slot in network.modules():
        if isinstance(slot, Slot) and slot.shape.activation == "none" and slot.shape.signed:
            slot.shape = replace(slot.shape, activation=activation, signed=is_signed(activation))


def _before(space: Skeleton, part: Entrance) -> Activation:
    return space.activation if part in space.activate else "none"


def _chain(
    space: Skeleton,
    role: str,
    in_channels: int,
    out_channels: int,
    first: Activation,
    natives: Convolutions,
    change: int = 0,
) -> list[Slot]:
    """Slots in a row; the one numbered ``change`` goes from ``in_channels`` to ``out_channels``."""
    widths = [in_channels if i <= change else out_channels for i in range(len(natives) + 1)]
    return [
        Slot(role, widths[i], widths[i + 1], activation=space.activation if i else first, native=native)
        for i, native in enumerate(natives)
    ]


def _head(space: Skeleton) -> nn.Module:
    if not space.head:
        return Repeat(space.channels)
    # The image is never negative, so the first slot needs no activation and is unsigned.
    centred = space.mean is not None
    first = Slot("head", RGB, space.channels, activation="none", signed=centred, native=space.head[0])
    rest = _chain(space, "head", space.channels, space.channels, space.activation, space.head[1:])
    return nn.Sequential(first, *rest)


def _fusion(space: Skeleton) -> tuple[nn.Module, int]:
    """The fusion, and the channels that leave it."""
    outs = [block.out_channels(channels) for block, channels in space.blocks()]
    joined = sum(outs) if space.collect == "all" else outs[-1]
    slots = _chain(space, "fusion", joined, space.channels, "none", space.fusion)
    return nn.Sequential(*slots), space.channels if slots else joined


def _upsampler(space: Skeleton, channels: int, scale: int) -> tuple[nn.Module, int]:
    """The upsampler, and the channels that leave it."""
    in_steps = space.upsampler == "two-step" and scale == 4
    factors = [2, 2] if in_steps else [scale]
    layers: list[nn.Module] = []
    for step, factor in enumerate(factors):
        is_last = step == len(factors) - 1
        out = RGB if is_last and space.upsample_to == "image" else space.channels
        first = _before(space, "tail" if step else "upsample")
        layers += _chain(space, "upsample", channels, out * factor**2, first, space.upsample)
        layers.append(nn.PixelShuffle(factor))
        channels = out
    return nn.Sequential(*layers), channels
