"""What the authors of a known network call its values, and how theirs become ours."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from qnas.core.errors import InputError
from qnas.spaces.foreign.fitting import Weights
from qnas.spaces.mean_colour import Colour


def _as_they_are(weights: Weights) -> Weights:
    return weights


@dataclass(frozen=True)
class Names:
    """The names under which a file may hold a network's values.

    Attributes:
        expected: Values of the shapes that a file should have, by its names.
        translate: Makes the network's values, by its names, of those in a file.
        ignored: A pattern of names that the file may have beside.
        notice: What the user should know about weights with these names, in a line.
    """

    expected: Weights
    translate: Callable[[Weights], Weights] = _as_they_are
    ignored: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Naming:
    """The names that a known network has in the code of its authors. Slots are filled natively, in float.

    Attributes:
        source: The repository and the file that state them.
        slots: Maps the names of their convolutions to the paths of our slots.
        slopes: Maps the names of their PReLUs to the paths of our activations.
        constants: Values that only we have, by our names, and what they are in their network.
        first: The path of the slot that reads the image.
        last: The path of the slot that makes the image.
        enters: The largest value of the images that their first convolution reads; ours are up to 1.
        leaves: The same of the images that their last convolution makes.
        mean: The mean colour that theirs subtracts from an image, in 0..1, None if none.
        our_mean: The same of ours; the space sets it.
    """

    source: str
    slots: Mapping[str, str]
    slopes: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    first: str = "head.0"
    last: str = "upsample.0"
    enters: float = 1
    leaves: float = 1
    mean: Colour | None = None
    our_mean: Colour | None = None

    def of(self, own: Weights, kept: Collection[str] = ()) -> Names | None:
        """Their names for the values of our network, None if ours has others than theirs.

        Args:
            own: Our network's values, by our names.
            kept: Our names of values that theirs does not have and that stay as they are.
        """
        prefixes = {theirs: f"{ours}.operation" for theirs, ours in self.slots.items()} | dict(self.slopes)
        pairs = {
            f"{theirs}.{name.removeprefix(f'{ours}.')}": name
            for theirs, ours in prefixes.items()
            for name in own
            if name.startswith(f"{ours}.")
        }
        if {*pairs.values(), *self.constants, *kept} != set(own):
            return None
        rest = {name: own[name] for name in kept}
        rest |= {name: torch.full_like(own[name], value) for name, value in self.constants.items()}

        def translate(found: Weights) -> Weights:
            return rest | self.in_our_range({pairs[name]: value for name, value in self.plain(found).items()})

        expected = self.expected({theirs: own[ours] for theirs, ours in pairs.items()})
        return Names(expected, translate, self.ignored, self.notice)

    @property
    def notice(self) -> str:
        """What the user should know: the file does not say of which range its network's images are."""
        if self.enters == 1:
            return ""
        return f"the weights are taken to be of a network whose images are in 0..{self.enters:g}, as in {self.source}"

    @property
    def ignored(self) -> str:
        """A pattern of names that a file may have beside."""
        return ""

    def expected(self, named: Weights) -> Weights:
        """What a file should have, given the values of its plain layers."""
        return named

    def plain(self, found: Weights) -> Weights:
        """The values of the plain layers, given what a file has.

        Raises:
            InputError: Ours subtracts another mean colour.
        """
        self.refuse_other_mean(self.mean)
        return found

    def in_our_range(self, weights: Weights) -> dict[str, Tensor]:
        """The values, by our names, for images in 0..1: a factor goes into the first and the last convolution."""
        factors = {f"{self.first}.operation.weight": self.enters}
        factors |= {f"{self.last}.operation.{kind}": 1 / self.leaves for kind in ("weight", "bias")}
        return scaled(weights, factors)

    def refuse_other_mean(self, mean: Colour | None) -> None:
        """Refuse weights that were trained with another mean colour than ours."""
        theirs, ours = (torch.tensor(colour or (0.0, 0.0, 0.0)) for colour in (mean, self.our_mean))
        if not torch.allclose(theirs, ours, rtol=0, atol=1e-6):
            does = f"subtracts the mean colour {_shown(mean)} from the image" if mean else "subtracts no mean colour"
            hint = f"add 'mean: {_shown(mean)}'" if mean else "leave out 'mean'"
            raise InputError(f"these weights are of a network that {does} ({self.source}): {hint}")


def scaled(weights: Weights, factors: Mapping[str, float]) -> dict[str, Tensor]:
    """The weights, those for which there are factors times these, in single precision."""
    return {name: value.float() * factors[name] if name in factors else value for name, value in weights.items()}


def in_blocks(count: int, theirs: str, ours: str, inside: Mapping[str, str], first: int = 1) -> dict[str, str]:
    """Maps names in blocks that are numbered.

    Args:
        count: Number of blocks.
        theirs: What the name of a block is, with ``{}`` for its number.
        ours: What the path of ours is, with ``{}`` for its number, which begins at 0.
        inside: Maps the names in a block to the paths in ours.
        first: What the numbers of theirs begin at.
    """
    return {
        f"{theirs.format(first + number)}.{name}": f"{ours.format(number)}.{path}"
        for number in range(count)
        for name, path in inside.items()
    }


def _shown(colour: Colour | None) -> str:
    return "[" + ", ".join(f"{part:.4g}" for part in colour or ()) + "]"
