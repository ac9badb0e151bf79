"""Running a network with a say in every call whose result depends on all of an image."""

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
    """Nothing that comes behind in the network matters. No exception of an error's, so that no network catches it."""


class Interception(TorchFunctionMode, ABC):
    """A mode in which :meth:`answer` decides on the result of every call that depends on all of an image.

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
            index: Which of the network's it is, in their order.
            call: What it looks at, and how to do it in parts.
            compute: Does it as the network would.
        """

    def run(self, network: nn.Module, image: Tensor) -> Any:
        """What the network makes of an image, or None if it was stopped by :class:`Enough`."""
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
