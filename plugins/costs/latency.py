"""The cost that is read from a table of measured latencies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from qnas.core.components import ConvolutionShape, Part, PricedSpace
from qnas.core.deploy.profiling.table import Fit, LatencyTable, frame_of, name_of, read_table
from qnas.core.errors import InputError, QnasError, from_field
from qnas.plugins.costs.from_file import FromFile

_NANO = 1e9


class Latency(FromFile):
    """Nanoseconds for one image in a runtime, by a table that ``qnas profile`` measured.

    A network takes a constant, and for each slot what its candidate takes longer than the quickest.

    Attributes:
        table: The file that ``qnas profile`` wrote.
        anyway: Whether it is taken for another processor, runtime or version, or for other settings, than it was
            measured with.
    """

    order: ClassVar = 10
    unit: ClassVar = "ns"
    per_image: ClassVar = False

    table: str
    anyway: bool = False

    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """Raises ``QnasError``: what runs is a candidate in its slot, not a convolution."""
        raise QnasError(f"a latency is of a candidate in its slot, not of a convolution (got {convolution.path})")

    def of_candidate(self, part: Part) -> int:
        """See :meth:`qnas.Cost.of_candidate`."""
        name, fit = name_of(part), self._fit
        if name not in fit.candidates:
            with from_field("table"):
                lacks = f"lacks the candidate '{name}': qnas profile measures the space that has it"
                raise InputError(lacks, str(self.path))
        return fit.candidates[name]

    def of_rest(self, part: Part) -> int:
        """See :meth:`qnas.Cost.of_rest`."""
        del part
        return self._fit.constant

    def refuse_unfit(self, space: PricedSpace) -> None:
        """See :meth:`qnas.Cost.refuse_unfit`."""
        reason = next(self._reasons(space), "")
        if reason:
            with from_field("table"):
                raise InputError(reason, str(self.path))
        for options in space.slots.values():
            for part in options:
                self.of_candidate(part)

    def _reasons(self, space: PricedSpace) -> Iterator[str]:
        """Why it does not hold for these networks on this machine."""
        table, setting = self._measured, self._measured.setting
        if not (self.anyway or self.is_kept):
            for other in setting.other_machine(space.target):
                yield f"{other} (anyway: true takes it all the same)"
        if setting.scale != space.scale:
            yield f"it was measured at scale {setting.scale}, not {space.scale}"
        if setting.between != space.between:
            yield f"it was measured with {_bits(setting.between)} between the slots, not {_bits(space.between)}"
        if table.frame != frame_of(space.rest, space.slots):
            yield f"it was measured in networks of another space ({table.space}), with other parts between"

    @property
    def conditions(self) -> str:
        """See :attr:`qnas.Cost.conditions`."""
        return str(self._measured.setting)

    def measured(self, timings: Sequence[Mapping[str, Any]]) -> float | None:
        """See :meth:`qnas.Cost.measured`."""
        setting = self._measured.setting
        wanted = {key: value for key, value in setting.to_json().items() if key in _SAME}
        for timing in timings:
            if {key: timing.get(key) for key in _SAME} == wanted:
                return float(timing["networks"]["found"]["median_seconds"]) * _NANO
        return None

    @property
    def _fit(self) -> Fit:
        fit = self._measured.fit
        if fit is None:
            with from_field("table"):
                raise InputError("is not finished: the same qnas profile goes on with it", str(self.path))
        return fit

    @property
    def _measured(self) -> LatencyTable:
        with from_field("table"):
            return read_table(self.path)


_SAME = ("processor", "target", "threads", "size", "scale")
"""What ``qnas bench`` notes and a table too, in the same form."""


def _bits(between: int | None) -> str:
    return "floats" if between is None else f"{between} bits"
