"""The found network beside its baselines, from result.json: what quantization cost, and what the search gained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qnas.core.drawing.wording import signed

GIVEN = "given"
FLOAT = "float"
FOUND = "found"


@dataclass(frozen=True)
class Beside:
    """What result.json says of baselines.

    Attributes:
        result: The plain data.
    """

    result: Mapping[str, Any]

    @property
    def baselines(self) -> Mapping[str, Mapping[str, Any]]:
        """The scores and costs of each baseline by its name."""
        return self.result.get("baselines") or {}

    @property
    def at_cost(self) -> str | None:
        """The name of the widest uniform network that is no dearer than was asked for."""
        return self.result.get("uniform_at_cost")

    @cached_property
    def networks(self) -> dict[str, Mapping[str, Any]]:
        """The same of all networks by what to call them, the found one last; nothing without baselines."""
        others = {self._label(name): record for name, record in self.baselines.items() if name != self._found_name}
        found = FOUND if self._found_name is None else f"{FOUND}, which is {self._label(self._found_name)}"
        return {**others, found: self.result} if self.baselines else {}

    @property
    def sentences(self) -> list[str]:
        """What quantization cost, and what the search gained, in PSNR on Y."""
        return [*self._change_from_given(), *self._cost_of_quantization(), *self._gain_of_search()]

    @property
    def _found_name(self) -> str | None:
        """The name of the uniform network that was found."""
        return next((name for name, record in self.baselines.items() if record.get("is_found")), None)

    @property
    def _bound(self) -> str:
        return "within the limits" if self.result.get("limits") else "at this cost"

    def _label(self, name: str) -> str:
        return f"{name} ({self._bound})" if name == self.at_cost else name

    def _change_from_given(self) -> Iterator[str]:
        if GIVEN in self.baselines:
            changes = self._differences(self.result, self.baselines[GIVEN])
            yield f"from the network as it was given to the one that was found: {changes}"

    def _cost_of_quantization(self) -> Iterator[str]:
        if FLOAT in self.baselines:
            changes = self._differences(self.baselines[FLOAT], self.result)
            yield f"quantization cost {changes} (float - found)"

    def _gain_of_search(self) -> Iterator[str]:
        if "uniform_at_cost" not in self.result:
            return
        if self.at_cost is None:
            yield f"there is no uniform network of native operations {self._bound} to measure the search by"
        elif self.at_cost == self._found_name:
            yield f"the search gained nothing: it found {self._label(self.at_cost)}"
        else:
            changes = self._differences(self.result, self.baselines[self.at_cost])
            kept = self.result.get("kept", FOUND)
            gained = "the search gained" if kept == FOUND else f"{kept}, which beat what the search found, gained"
            minuend = FOUND if kept == FOUND else "kept"
            yield f"{gained} {changes} ({minuend} - {self.at_cost}, the widest uniform network {self._bound})"

    def _differences(self, more: Mapping[str, Any], less: Mapping[str, Any]) -> str:
        """By how much the PSNR of one is higher on each test set: ``+0.12 dB on Set5, +0.10 dB on Set14``."""
        changes = {name: _difference(scores, less["test"][name]) for name, scores in more["test"].items()}
        return ", ".join(f"{signed(change)} dB on {name}" for name, change in changes.items())


def _difference(more: Mapping[str, Any], less: Mapping[str, Any]) -> float | None:
    """None where one of them is infinite, which JSON does not have."""
    figures = more["psnr_y"], less["psnr_y"]
    return None if None in figures else figures[0] - figures[1]
