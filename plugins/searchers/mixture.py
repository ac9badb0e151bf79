"""The supernet as a network that can be judged."""

from torch import Tensor, nn

from qnas.core.network import Supernet


class Mixture(nn.Module):
    """The supernet at fixed probabilities, so that it can be judged like any network."""

    def __init__(self, supernet: Supernet, probabilities: Tensor) -> None:
        super().__init__()
        self.supernet = supernet
        self.probabilities = probabilities

    def forward(self, lr_image: Tensor) -> Tensor:
        """See :class:`qnas.core.network.Supernet`."""
        result: Tensor = self.supernet(lr_image, self.probabilities)
        return result
