"""Signs that a search did not decide: candidates that are still open, or a mixture that is better than its network."""

from collections.abc import Iterator

from torch import Tensor

from qnas.core.search.task import SearchTask
from qnas.plugins.regularizers.penalties import Entropy, entropy

_OPEN = 0.5  # of the entropy at the start
_FAR = 1.0  # dB


def undecided(probabilities: Tensor, start: Tensor, task: SearchTask) -> Iterator[str]:
    """A notice if the search ended with more than half of the entropy that it began with.

    Args:
        probabilities: (slots, candidates) at the end of the search.
        start: (slots, candidates) at its start.
        task: The search.
    """
    left, before = float(entropy(probabilities).mean()), float(entropy(start).mean())
    if left > _OPEN * before:
        what = f"the search ended undecided, with {left / before:.0%} of the entropy that it began with"
        yield f"{what}: raise search.alpha_learning_rate or search.steps, or {_more_entropy(task)}"


def far_under(mixture_psnr: float, found_psnr: float, task: SearchTask) -> Iterator[str]:
    """A notice if the network that was taken out of the supernet is more than 1 dB under the supernet as a mixture.

    Args:
        mixture_psnr: PSNR on Y in dB of the supernet at its probabilities, on the held-out images.
        found_psnr: That of the network, with the weights of the supernet.
        task: The search.
    """
    if mixture_psnr - found_psnr > _FAR:
        what = f"the network that was found is {mixture_psnr - found_psnr:.1f} dB under the mixture that it was taken"
        limits = ", or loosen the limits" if task.limits else ""
        change = f"raise search.steps, or {_more_entropy(task)}, so that weights serve the candidates that are taken"
        yield f"{what} out of: {change}{limits}"


def _more_entropy(task: SearchTask) -> str:
    keys = [key for key, regularizer in task.regularizers.items() if isinstance(regularizer, Entropy)]
    return f"raise regularizers.{keys[0]}.weight" if keys else "add the regularizer entropy"
