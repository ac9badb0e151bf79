"""The interface of losses: what training and the search minimize."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import NonNegativeFloat
from torch import Tensor

from qnas.core.components.component import Component
from qnas.core.components.losses.teacher import Teacher


@dataclass(frozen=True)
class Enlarged:
    """What a network made of a batch of LR images.

    Attributes:
        image: (N, 3, H, W) the enlarged images, around 0..1, in float32.
        features: The output of each slot, (N, C, h, w), by the slot's path. Empty unless a loss asks for features.
    """

    image: Tensor
    features: Mapping[str, Tensor] = field(default_factory=dict)


class Loss(Component):
    """A term ``weight * measure(enlarged, target)`` of what training and the search minimize.

    Most losses need :meth:`measure` alone. One that learns from another network also states :attr:`taught_by` and
    overrides :meth:`compare`.

    Attributes:
        weight: At least 0; 0 leaves the term out.
    """

    kind = "loss"
    weight: NonNegativeFloat = 1.0

    @abstractmethod
    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """How far two batches of images are apart: a scalar in float32, differentiable in ``enlarged``.

        The weight is applied by the caller.

        Args:
            enlarged: (N, 3, H, W) what the network made, around 0..1, in float32.
            target: (N, 3, H, W) what it should have made, in 0..1.
        """

    @property
    def taught_by(self) -> Teacher | None:
        """The network that it learns from, if there is one."""
        return None

    @property
    def sees_features(self) -> bool:
        """Whether it needs the features of both networks."""
        return False

    def compare(self, student: Enlarged, hr: Tensor, teacher: Enlarged | None) -> Tensor:
        """The loss on a batch: by default, :meth:`measure` of the student's image and the HR image.

        Args:
            student: What the network in training made.
            hr: (N, 3, H, W) the HR images, in 0..1.
            teacher: What the network of :attr:`taught_by` made of the same LR images, without gradients; None without
                a teacher.
        """
        del teacher
        return self.measure(student.image, hr)
