"""The common base of quantizers with a learned clip, truncation or interval."""

from torch import Tensor

from qnas.quantizers.bases.learned_step import LearnedStep
from qnas.quantizers.rounding import steps_to_end
from qnas.quantizers.statistics import largest

_UNIT_END = 3.0  # few values of a normal distribution are beyond three standard deviations


class LearnedRange(LearnedStep):
    """One tensor's quantizer; its range ends at r, which by default starts at the largest absolute value.

    The end is a fixed number of steps away from zero, so learning its logarithm means learning that of the step.
    """

    @property
    def steps_to_end(self) -> float:
        """The number of steps from zero to the end."""
        return steps_to_end(self.q_min, self.q_max)

    @property
    def end(self) -> Tensor:
        """r, in the shape of the step; above 0."""
        return self.step * self.steps_to_end

    def unit_step(self) -> float:
        """See :class:`LearnedStep`."""
        return _UNIT_END / self.steps_to_end

    def first_step(self, tensor: Tensor) -> Tensor:
        """See :class:`LearnedStep`."""
        return self.first_end(tensor) / self.steps_to_end

    def first_end(self, tensor: Tensor) -> Tensor:
        """The end to start from for tensors like this one, in the shape of the step; 0 where unknown."""
        return largest(tensor, self.log_step)
