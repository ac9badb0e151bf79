"""Distillation: learning from what another network makes."""

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat
from torch import Tensor

from qnas.core.components import Enlarged, Loss, Teacher
from qnas.core.errors import QnasError
from qnas.plugins.losses.pixels import mean_absolute_error


class Distillation(Loss):
    """The mean absolute difference from a teacher's images, and, if asked for, a distance of the features.

    The features are compared by attention transfer (Zagoruyko and Komodakis 2017, arXiv 1612.03928), which PAMS (Li et
    al. 2020, arXiv 2011.04212) uses for quantized super-resolution: the squares of all channels are summed into one
    map, scaled to a norm of 1. So the widths may differ. Compared are the slots of one path that have the same height
    and width in both networks.

    Attributes:
        teacher: ``float``, the network of the same architecture trained in float; ``weights``, the space's own network
            in float with the weights that the space names; ``{run: FOLDER}``, the network of another run; or
            ``{module: {target: package.module:Name, weights: FILE}}``, any network in float.
        features: The weight of the features beside the images; 0 leaves them out.

    Note:
        The distance of two maps is the squared norm of their difference, 0 to 2, averaged over images and slots. In
        the paper it is the norm, whose gradient is undefined where both are equal; the authors' code also squares it.
    """

    example = {"teacher": "weights", "features": 0.1}

    teacher: Teacher = "float"
    features: NonNegativeFloat = 0.0

    @property
    def taught_by(self) -> Teacher:
        """See :meth:`qnas.Loss.taught_by`."""
        return self.teacher

    @property
    def sees_features(self) -> bool:
        """See :meth:`qnas.Loss.sees_features`."""
        return self.features > 0

    def measure(self, enlarged: Tensor, target: Tensor) -> Tensor:
        """See :meth:`qnas.Loss.measure`; the target is the teacher's image."""
        return mean_absolute_error(enlarged, target)

    def compare(self, student: Enlarged, hr: Tensor, teacher: Enlarged | None) -> Tensor:
        """See :meth:`qnas.Loss.compare`."""
        del hr
        if teacher is None:
            raise QnasError(f"the loss '{self.known_as}' needs its teacher")
        images = self.measure(student.image, teacher.image)
        return images + self.features * attention_distance(student, teacher) if self.features else images


def attention_distance(student: Enlarged, teacher: Enlarged) -> Tensor:
    """The mean distance of the attention maps of all slots that both have at one size, 0 to 2.

    Raises:
        QnasError: There is none.
    """
    ours, theirs = student.features, teacher.features
    shared = [path for path in ours if path in theirs and ours[path].shape[2:] == theirs[path].shape[2:]]
    if not shared:
        raise QnasError("the network and its teacher share no slot of one size: leave out 'features' of the loss")
    distances = [(_attention(ours[path]) - _attention(theirs[path])).square().sum(1).mean() for path in shared]
    return torch.stack(distances).mean()


def _attention(features: Tensor) -> Tensor:
    """(N, H W) the sums of the squares of all channels of (N, C, H, W) features, with a norm of 1."""
    return F.normalize(features.float().square().sum(1).flatten(1), dim=1)
