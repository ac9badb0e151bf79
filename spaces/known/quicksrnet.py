"""QuickSRNet."""

from pydantic import PositiveInt

from qnas.spaces.skeleton import Body, Convolutions, Entrance, Skeleton


class QuickSRNet(Skeleton):
    """QuickSRNet-Medium (Berger et al. 2023): a plain net for phones, with nothing beside its convolutions.

    The small variant has a body of two convolutions. The large one has 64 channels, eleven convolutions in its body,
    and ``image_residual: nearest``. Differs in two ways: ReLU instead of a clip to 0..1, since a quantizer behind it
    clips; the convolutions start at random instead of near the identity, unless they are trained with that branch.
    """

    example = {"channels": 8, "body": ["chain"]}

    channels: PositiveInt = 32
    body: Body = ({"block": "chain", "length": 5},)  # type: ignore[assignment]
    fusion: Convolutions = ()
    skip: bool = False
    activate: tuple[Entrance, ...] = ("upsample",)
