"""EDSR-baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import PositiveInt

from qnas.core.errors import InputError
from qnas.spaces.foreign.fitting import Weights
from qnas.spaces.foreign.naming import Naming, in_blocks, scaled
from qnas.spaces.mean_colour import DIV2K
from qnas.spaces.skeleton import Body, Convolutions, Skeleton

_AUTHORS = "sanghyun-son/EDSR-PyTorch, src/model/edsr.py and common.py"
_BASICSR = "XPixelGroup/BasicSR, basicsr/archs/edsr_arch.py"
_SHIFTS = ("sub_mean", "add_mean")


class EDSRBaseline(Skeleton):
    """EDSR-baseline (Lim et al. 2017): 16 residual blocks without Batch Norm.

    As published, but without subtracting the mean colour, which changes no count. Its authors' weights go with
    ``mean: [0.4488, 0.4371, 0.4040]``, which does that.
    """

    example = {"channels": 8, "body": ["residual"]}

    channels: PositiveInt = 64
    body: Body = ({"block": "residual", "repeat": 16},)  # type: ignore[assignment]
    upsampler: Literal["pixel-shuffle", "two-step"] = "two-step"
    upsample_to: Literal["image", "features"] = "features"
    tail: Convolutions = ("conv3x3",)  # type: ignore[assignment]

    def namings(self, scale: int) -> Sequence[Naming]:
        """Those of its authors, and those of BasicSR."""
        count, steps = len(self.blocks()), 2 if scale == 4 and self.upsampler == "two-step" else 1
        blocks = in_blocks(count, "body.{}.body", "body.{}.body", {"0": "0", "2": "1"}, first=0)
        ends = {"head.0": "head.0", f"body.{count}": "fusion.0", "tail.1": "tail.0"}
        ups = {f"tail.0.{2 * step}": f"upsample.{2 * step}" for step in range(steps)}
        theirs = _WithMeanShift(_AUTHORS, blocks | ends | ups, last="tail.0")
        blocks = in_blocks(count, "body.{}", "body.{}.body", {"conv1": "0", "conv2": "1"}, first=0)
        ends = {"conv_first": "head.0", "conv_after_body": "fusion.0", "conv_last": "tail.0"}
        ups = {f"upsample.{2 * step}": f"upsample.{2 * step}" for step in range(steps)}
        return [theirs, Naming(_BASICSR, blocks | ends | ups, last="tail.0", enters=255, leaves=255, mean=DIV2K)]


@dataclass(frozen=True)
class _WithMeanShift(Naming):
    """The names of the authors, whose weights say by 1 x 1 convolutions what they subtract, and of which range."""

    def expected(self, named: Weights) -> Weights:
        """See :meth:`.Naming.expected`."""
        shifts = {"weight": torch.empty(3, 3, 1, 1, device="meta"), "bias": torch.empty(3, device="meta")}
        return {**named, **{f"{part}.{kind}": value for part in _SHIFTS for kind, value in shifts.items()}}

    def plain(self, found: Weights) -> Weights:
        """See :meth:`.Naming.plain`."""
        subtracted, added = (found[f"{part}.bias"].float() for part in _SHIFTS)
        kernels = [found[f"{part}.weight"][:, :, 0, 0].float() for part in _SHIFTS]
        if not all(torch.equal(kernel, torch.eye(3)) for kernel in kernels) or not torch.equal(added, -subtracted):
            raise InputError("its sub_mean and add_mean do more than subtract a colour and add it again")
        largest = 255 if added.max() > 1 else 1
        red, green, blue = (added / largest).tolist()
        self.refuse_other_mean((red, green, blue))
        factors = {"head.0.weight": largest, "tail.1.weight": 1 / largest, "tail.1.bias": 1 / largest}
        return scaled({name: value for name, value in found.items() if name.partition(".")[0] not in _SHIFTS}, factors)
