"""SPAN."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from qnas.core.components import Activation, Count, is_signed, make_activation
from qnas.core.network import Joint, Slot
from qnas.spaces.blocks.local import ParameterFreeAttention
from qnas.spaces.foreign.fitting import Weights
from qnas.spaces.foreign.naming import Naming
from qnas.spaces.mean_colour import DIV2K, Colour, MeanColour
from qnas.spaces.skeleton import RGB
from qnas.spaces.with_weights import WithWeights

_SOURCE = "hongyuanyu/SPAN, basicsr/archs/span_arch.py"


class SPAN(WithWeights):
    """SPAN (Wan et al. 2024) in its inference form: each of the convolutions that it trains as several is one.

    As its code computes it, except that the image is not scaled to 0..255, and not centred without ``mean``. This is
    SPAN-S; SPAN has 52 channels. ``{name: native, branches: span}`` as operation trains a convolution as several.

    Its authors' weights go with ``mean: [0.4488, 0.4371, 0.4040]``. Each of their convolutions that is trained as
    several is fused.

    Attributes:
        channels: Width of the network.
        blocks: Number of blocks with parameter-free attention.
        activation: Activation of the network.
        mean: A colour, RGB in 0..1, that is subtracted from the image; by default none. The padding of the first
            convolution then stands for this colour.
    """

    unwritten = (*WithWeights.unwritten, "mean")

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("head", "refine", "fusion", "upsample"), ("native",)
    )

    example = {"channels": 8, "blocks": 2}

    channels: PositiveInt = 48
    blocks: Count = 6
    activation: Activation = "silu"
    mean: Colour | None = None

    @property
    def subtracted(self) -> Colour | None:
        """See :attr:`.WithWeights.subtracted`."""
        return self.mean

    def compose(self, scale: int) -> nn.Module:
        """See :meth:`.WithWeights.compose`."""
        return SPANNetwork(self, scale)

    def namings(self, scale: int) -> Sequence[Naming]:
        """As trained, and with each convolution fused, as a program that only runs the network saves it."""
        del scale
        names = {"conv_1": "head", "conv_2": "last"}
        names |= {f"block_{i + 1}.c{j + 1}_r": f"body.{i}.refine.{j}" for i in range(self.blocks) for j in range(3)}
        plain = {"conv_cat": "fuse", "upsampler.0": "upsample.0"}
        fused = {f"{name}.eval_conv": path for name, path in names.items()}
        several = frozenset(names)
        return [
            _Conv3XC(_SOURCE, names | plain, first="head", enters=255, mean=DIV2K, trained_as_several=several),
            Naming(_SOURCE, fused | plain, first="head", enters=255, mean=DIV2K),
        ]


class SPANNetwork(nn.Module):
    """The network of :class:`SPAN`."""

    def __init__(self, space: SPAN, scale: int) -> None:
        super().__init__()
        channels, activation = space.channels, space.activation
        self.mean = None if space.mean is None else MeanColour(space.mean)
        self.head = Slot("head", RGB, channels, activation="none", signed=self.mean is not None)
        self.body = nn.ModuleList(ParameterFreeAttention(channels, activation) for _ in range(space.blocks))
        self.activation = make_activation(activation, channels)
        self.joint = Joint(is_signed(activation))
        self.last = Slot("fusion", channels, channels, activation="none")
        self.fuse = Slot("fusion", 4 * channels, channels, activation="none", native="conv1x1")
        self.upsample = nn.Sequential(
            Slot("upsample", channels, RGB * scale**2, activation="none"), nn.PixelShuffle(scale)
        )

    def forward(self, lr_image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H * scale, W * scale), RGB in 0..1."""
        outputs = [self.head(lr_image if self.mean is None else self.mean(lr_image))]
        for block in cast("Iterable[ParameterFreeAttention]", self.body):
            inside, output = block.with_first(outputs[-1])
            outputs.append(output)
        # Head, body, first block and the first convolution of the last block: (N, 4 * channels, H, W).
        parts = [outputs[0], self.last(outputs[-1]), outputs[1], self.joint(self.activation(inside))]
        result: Tensor = self.upsample(self.fuse(torch.cat(parts, dim=1)))
        return result


@dataclass(frozen=True)
class _Conv3XC(Naming):
    """The names of convolutions that are trained as several, which are added up: 1 x 1, 3 x 3 and 1 x 1, beside 1 x 1.

    Attributes:
        trained_as_several: The names of these.
    """

    trained_as_several: frozenset[str] = frozenset()

    @property
    def ignored(self) -> str:
        """See :attr:`.Naming.ignored`: what theirs computes of the others, perhaps before these were trained on."""
        return r"(^|\.)eval_conv\."

    def expected(self, named: Weights) -> Weights:
        """See :meth:`.Naming.expected`."""
        wanted = {
            name: value for name, value in named.items() if self._convolution(name) not in self.trained_as_several
        }
        for name in self.trained_as_several:
            out_channels, in_channels = named[f"{name}.weight"].shape[:2]
            inside = [(2 * in_channels, in_channels, 1), (2 * out_channels, 2 * in_channels, 3)]
            shapes = {f"conv.{i}": shape for i, shape in enumerate([*inside, (out_channels, 2 * out_channels, 1)])}
            for part, (outs, ins, size) in {"sk": (out_channels, in_channels, 1), **shapes}.items():
                wanted[f"{name}.{part}.weight"] = torch.empty(outs, ins, size, size, device="meta")
                wanted[f"{name}.{part}.bias"] = torch.empty(outs, device="meta")
        return wanted

    def plain(self, found: Weights) -> Weights:
        """See :meth:`.Naming.plain`."""
        found = super().plain(found)
        parts = tuple(f"{name}." for name in self.trained_as_several)
        plain = {name: value for name, value in found.items() if not name.startswith(parts)}
        for name in self.trained_as_several:
            kernel, bias = _added_up({key: found[f"{name}.{key}"].double() for key in _keys()})
            plain |= {f"{name}.weight": kernel.float(), f"{name}.bias": bias.float()}
        return plain

    def _convolution(self, name: str) -> str:
        return name.rpartition(".")[0]


def _keys() -> list[str]:
    return [f"{part}.{kind}" for part in ("sk", "conv.0", "conv.1", "conv.2") for kind in ("weight", "bias")]


def _added_up(parts: Weights) -> tuple[Tensor, Tensor]:
    """The kernel, (C_out, C_in, 3, 3), and the bias of several convolutions, the padding of whose input is theirs."""
    first, middle, last = (parts[f"conv.{i}.weight"] for i in range(3))
    kernel = torch.einsum("ob,bahw,ai->oihw", last[:, :, 0, 0], middle, first[:, :, 0, 0])
    kernel = kernel + F.pad(parts["sk.weight"], [1, 1, 1, 1])
    inside = middle.sum((2, 3)) @ parts["conv.0.bias"] + parts["conv.1.bias"]
    return kernel, last[:, :, 0, 0] @ inside + parts["conv.2.bias"] + parts["sk.bias"]
