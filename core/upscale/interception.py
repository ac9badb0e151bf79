"""Running a network while intercepting every call whose result depends on the whole image."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from qnas.core.components import ImageStatistic
from qnas.core.upscale.recognition import Recognition, Sums
from qnas.core.upscale.whole_image import Reduction, WholeImageCall

Compute = Callable[[], Any]


class Enough(BaseException):
    """Stops a network whose remaining output is not needed; a BaseException, so that no network catches it."""


class Interception(TorchFunctionMode, ABC):
    """A mode in which :meth:`answer` decides the result of every call that depends on the whole image.

    Args:
        sums: See :class:`Recognition`.
    """

    def __init__(self, sums: Sums = "whole") -> None:
        super().__init__()
        self.sums = sums
        self._recognition = Recognition(sums)
        self._next = 0
        self._is_answering = False

    @abstractmethod
    def answer(self, index: int, call: WholeImageCall, compute: Compute) -> Any:
        """The result of the call.

        Args:
            index: The call's position among such calls of the network.
            call: The features that it looks at, and how to compute it in parts.
            compute: Computes the result as the network would.
        """

    def run(self, network: nn.Module, image: Tensor) -> Any:
        """The network's output for an image, or None if :class:`Enough` stopped it."""
        self._next = 0
        self._recognition = Recognition(self.sums)
        statistics = [m for m in network.modules() if isinstance(m, ImageStatistic) and not m.frozen]
        for statistic in (s for s in statistics if type(s).of_moments is not ImageStatistic.of_moments):
            statistic.measure = partial(self._measure, statistic)  # type: ignore[method-assign]
        try:
            with self:
                return network(image)
        except Enough:
            return None
        finally:
            for statistic in statistics:
                statistic.__dict__.pop("measure", None)

    def _measure(self, statistic: ImageStatistic, features: Tensor) -> Any:
        call = Reduction(features, statistic.of_moments)
        return self._answered(call, lambda: type(statistic).measure(statistic, features))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        del types
        kwargs = kwargs or {}
        call = None if self._is_answering else self._recognition.call(func, args, kwargs)
        if call is not None:
            return self._answered(call, lambda: func(*args, **kwargs))
        result = func(*args, **kwargs)
        self._recognition.note(func, args, result)
        return result

    def _answered(self, call: WholeImageCall, compute: Compute) -> Any:
        index, self._next = self._next, self._next + 1
        self._is_answering = True
        try:
            return self.answer(index, call, compute)
        finally:
            self._is_answering = False
