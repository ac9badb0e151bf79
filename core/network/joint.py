"""Joints: open places for tensors between slots."""

from torch import Tensor, nn


class Joint(nn.Module):
    """An open place for what is computed between slots: behind a sum, a concatenation, a product.

    It is the identity, unless everything between is to be integers too: then a trained quantizer fills it (see
    :func:`qnas.core.network.joints.between.fill_joints`). It has no parameters. Behind each slot there is one already,
    and in a network that ``module`` opens they are found.

    Args:
        signed: Whether what passes can be negative.
    """

    def __init__(self, signed: bool = True) -> None:
        super().__init__()
        self.signed = signed

    def forward(self, features: Tensor) -> Tensor:
        """``features`` itself."""
        return features
