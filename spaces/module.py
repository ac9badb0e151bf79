"""The space of a third-party network: any ``nn.Module`` by its import path."""

import functools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from qnas.core.errors import InputError, as_input_error, from_field
from qnas.core.network import build_original, convolutions, fill_natively
from qnas.core.network.open_module import Survey, open_slots, survey
from qnas.core.network.probing.devices import blank_image, is_without_values, made_on_cpu
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.network.probing.self_comparison import State, are_same, outputs, refuse_new_entries, settled_state
from qnas.core.network.shapes import shapes_only
from qnas.spaces.foreign.checkpoint import values_of
from qnas.spaces.foreign.code import Code, code_of
from qnas.spaces.foreign.hooks import Padding, take
from qnas.spaces.foreign.local_code import State as CodeState, imported_packages, state_of, write_sources
from qnas.spaces.foreign.meta import to_meta
from qnas.spaces.foreign.start import keep_start
from qnas.spaces.foreign.target import Arguments, Target, call, targets_in, with_scale
from qnas.spaces.from_file import FromFile

_ROLE = "convolution"
_SIZE = 32
_ODD = (37, 45)
_TOLERANCE = 1e-3
_UNCOUNTED = 0.01  # the share of the multiply-accumulates above which there is a notice


class ModuleSpace(FromFile):
    """Any network with its convolutions as slots; the convolution found there is the slot's native operation.

    The network takes (N, 3, H, W), RGB in 0..1, and returns (N, 3, H * scale, W * scale). Convolutions with any kernel,
    padding, dilation, groups, bias and padding mode are opened. Transposed and frozen convolutions, those that share
    weights, run in one mode only or are of a subclass stay as they are, in float, with a notice; so do linear layers.
    The network's output may depend only on the image and its state dict, and in training on the seed. An argument that
    is itself the result of a call is a mapping of ``target`` and ``arguments``.

    Attributes:
        target: What to call to make the network, as ``package.module:Name``: from an installed package, or from a
            Python file in the current folder. A run keeps a copy of such a file, and of the local ones that it
            imports, in ``code``, and uses the copy from then on.
        arguments: The keyword arguments of the call.
        scale_argument: The argument that gets the scale; ``config.upscale`` is an argument of an argument's target.
        output: Where the image is in the result of a network that returns more: an attribute, a key or an index.
        multiple: What height and width must be a multiple of, if the network takes no others: its input is padded at
            the bottom and on the right with the last pixels, and its output is cropped.
        open: Patterns of the convolutions to open, as in ``slots``; the others stay as they are, in float.
        weights: What the native operations start from: ``fresh``, the ``module``'s own weights as it was made, or a
            file: safetensors, or a state dict written by ``torch.save``, which may be inside a checkpoint (its moving
            average, ``params_ema``, comes first) and have ``module.`` and the like before its names. A relative path
            starts from the current folder; the run keeps a copy (``start.safetensors``). Layers that are not slots
            always start from the module's own weights, or from the file. The search starts there, and the training of
            the found network too, unless ``train.start`` says otherwise.
        others: What the other operations of a slot start from if the native one has weights: ``fitted`` to what it
            makes of the training images, or ``fresh``.
    """

    earlier_defaults: ClassVar[Mapping[int, Mapping[str, Any]]] = {2: {"others": "fresh"}}

    scales: ClassVar[frozenset[int]] = frozenset({1, 2, 3, 4})

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {_ROLE: ("native",)}

    target: Target
    arguments: Arguments = {}
    scale_argument: str = ""
    output: str = ""
    multiple: PositiveInt = 1
    open: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    weights: Annotated[str, Field(min_length=1)] = "fresh"
    others: Literal["fitted", "fresh"] = "fitted"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        signed = self._survey(scale).signed
        if not is_without_values():
            return self._opened(self.make(scale), signed)
        with made_on_cpu():
            network = self.make(scale)
        return self._opened(to_meta(network), signed)

    def notices(self, scale: int) -> Sequence[str]:
        """See :meth:`qnas.Space.notices`."""
        left = _notices_of_left(self._survey(scale).left)
        share = _uncounted(self, scale, self._state())
        notice = (
            f"{share:.0%} of the network's multiplications are in no convolution or linear layer and are not counted"
        )
        return [*left, *([notice] if share > _UNCOUNTED else []), *self._notices_of_weights(scale)]

    def _notices_of_weights(self, scale: int) -> list[str]:
        if not self.names_file:
            return []
        with made_on_cpu():
            return self._made(scale)[1]

    def keep(self, folder: Path, scale: int) -> None:
        """See :meth:`qnas.Space.keep`: the target's local files, and the weights that the network starts from."""
        write_sources(folder, self._code().sources)
        if self.names_file:
            with made_on_cpu():
                keep_start(values_of(self.make(scale)), folder)

    def depends_on(self) -> Hashable:
        """See :meth:`qnas.Space.depends_on`: the code, the file of weights, and arguments by their types too."""
        return self._state(), repr(self.arguments), self.start_state()

    def packages(self) -> Sequence[str]:
        """See :meth:`qnas.Space.packages`."""
        sources = self._code().sources
        named = {name.partition(":")[0].partition(".")[0] for name in (self.target, *targets_in(self.arguments))}
        return sorted((named | imported_packages(sources)) - {name.partition(".")[0] for name in sources})

    def is_foreign(self) -> bool:
        """See :meth:`qnas.Space.is_foreign`."""
        return True

    def make(self, scale: int) -> nn.Module:
        """The third-party network itself, with its weights."""
        return self._made(scale)[0]

    def _made(self, scale: int) -> tuple[nn.Module, list[str]]:
        """The network, and what the user should know about its weights."""
        with from_field("scale_argument"):
            arguments = with_scale(self.arguments, self.scale_argument, scale)
        code = self._code()
        with code.in_place():
            network = call(self.target, arguments)
        if not isinstance(network, nn.Module):
            with from_field("target"):
                raise InputError(f"{self.target} returns an object of type {type(network).__name__}, not an nn.Module")
        code.stay_with(network)
        notices = self.load_start(network, scale)
        if self.output:
            network.register_forward_hook(functools.partial(take, self.output))
        if self.multiple > 1:
            padding = Padding(self.multiple, scale)
            network.register_forward_pre_hook(padding.pad)
            network.register_forward_hook(padding.crop)
        return network, notices

    def _code(self) -> Code:
        return code_of(self.target, self.arguments, self._home)

    def _state(self) -> CodeState:
        """A value that changes whenever the network's code does."""
        return state_of(self._code().sources)

    def _survey(self, scale: int) -> Survey:
        """The survey of the network with its own weights: the file of others may be gone once the run is trained."""
        return _surveyed(self.model_copy(update={"weights": "module"}), scale, self._state())

    def _opened(self, network: nn.Module, signed: Mapping[str, bool]) -> nn.Module:
        is_warm = self.weights != "fresh"
        return open_slots(network, signed, _ROLE, keep_weights=is_warm, fits_others=is_warm and self.others == "fitted")


@functools.lru_cache(maxsize=16)
def _surveyed(space: ModuleSpace, scale: int, _: CodeState) -> Survey:
    """The survey of the space's network, as long as its code stays the same.

    Raises:
        InputError: The network does not take images, does not enlarge them by ``scale``, has nothing to open, shares
            parts with another that the target makes, or computes something else once its convolutions are slots.
    """
    with made_on_cpu():
        seed_everything(0)  # the survey must be the same wherever the network is built
        network, other = space.make(scale), space.make(scale)
        side = -(-_SIZE // space.multiple) * space.multiple
        with from_field("target"):
            _refuse_shared(space, network, other)
            state = settled_state(network, space.target)
            found = _survey(space, network, scale, (side, side))
            refuse_new_entries(network, state, f"{space.target} has other weights once it has run")
        with from_field("multiple"):
            _survey(space, network, scale, _ODD)
        with from_field("open"):
            _refuse_unmatched(space, found)
            _refuse_changed(space, network, state, found, side)
    return found


def _survey(space: ModuleSpace, network: nn.Module, scale: int, size: tuple[int, int]) -> Survey:
    height, width = size
    with as_input_error(f"{space.target} can't run on an image of {height} x {width}"):
        found = survey(network, space.open, size)
    for mode, output in found.outputs.items():
        when = " in training mode" if mode == "training" else ""
        if not isinstance(output, Tensor):
            kind = type(output).__name__
            raise InputError(f"{space.target} returns no image{when}, but a {kind}: name the image in 'output'")
        images = 2 if mode == "training" else 1
        shape, wanted = tuple(output.shape), (images, 3, height * scale, width * scale)
        if shape != wanted:
            given = (images, 3, height, width)
            hint = _other_scale(shape, given)
            raise InputError(f"{space.target} makes {shape} of an image of {given}{when}, not {wanted}{hint}")
    return found


def _other_scale(shape: tuple[int, ...], given: tuple[int, ...]) -> str:
    """What to do about a network that enlarges by another factor than the spec says, ``""`` if it is none."""
    if len(shape) != len(given) or shape[:2] != given[:2]:
        return ""
    factors = {Fraction(made, side) for made, side in zip(shape[2:], given[2:], strict=True)}
    factor = min(factors)
    return f": it enlarges by {factor}, so set scale: {factor}" if len(factors) == 1 and factor.denominator == 1 else ""


def _refuse_shared(space: ModuleSpace, one: nn.Module, other: nn.Module) -> None:
    """Refuse a target whose networks share parts: a change to one would change the other."""
    if one is other:
        raise InputError(f"{space.target} returns the same network each time: it must make a new one (or a deepcopy)")
    modules, parameters = set(one.modules()), {id(parameter) for parameter in one.parameters()}
    shared = [path for path, module in other.named_modules() if module in modules]
    shared += [path for path, parameter in other.named_parameters() if id(parameter) in parameters]
    if shared:
        raise InputError(f"{space.target} has the same '{shared[0]}' in each network: it must make a new one each time")


def _refuse_unmatched(space: ModuleSpace, found: Survey) -> None:
    if found.unmatched:
        raise InputError(f"no convolution of {space.target} matches {', '.join(found.unmatched)}")
    if not found.signed:
        reasons = "; ".join(f"'{path}': {why}" for path, why in list(found.left.items())[:3])
        raise InputError(f"no convolution of {space.target} can be opened ({reasons or 'it has none'})")


def _refuse_changed(space: ModuleSpace, network: nn.Module, state: State, found: Survey, side: int) -> None:
    """Refuse a network that makes other images, or none, once its convolutions are inside slots."""
    images, failing = torch.rand(2, 3, side, side), f"{space.target} does not run"
    cases = [("evaluation", images[:1]), ("training", images)]
    before, again = (outputs(network, state, cases, failing, restlessly=more) for more in (False, True))
    opened = open_slots(network, found.signed, _ROLE, keep_weights=True)
    filled = fill_natively(opened)
    hint = "leave out of 'open' the convolutions whose class or attributes it uses"
    failing = f"{space.target} can't run with slots: {hint}"
    with as_input_error(failing):
        filled.eval().train()
    after = outputs(filled, settled_state(filled, space.target), cases, failing)
    if are_same(before, again, _TOLERANCE) and not are_same(before, after, _TOLERANCE):
        raise InputError(f"{space.target} makes another image once its convolutions are slots ({hint})")


@functools.lru_cache(maxsize=16)
def _uncounted(space: ModuleSpace, scale: int, _: CodeState) -> float:
    """The share of the network's multiply-accumulates outside all counted layers."""
    side = -(-_SIZE // space.multiple) * space.multiple
    with shapes_only(space, scale):
        network = build_original(space, scale).eval()
        counted = sum(convolution.macs for convolution in convolutions(network, 3, (side, side)))
        with FlopCounterMode(display=False) as counter, torch.no_grad(), blank_image(network, 3, (side, side)) as image:
            network(image)
    total = counter.get_total_flops() / 2
    return 1 - counted / total if total else 0.0


def _notices_of_left(left: Mapping[str, str]) -> Iterator[str]:
    """Notices of layers that are left alone, one line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for path, why in left.items():
        by_reason.setdefault(why, []).append(path)
    for why, (first, *others) in by_reason.items():
        if others:
            yield f"'{first}' and {len(others)} more are left alone, in float; each because {why}"
        else:
            yield f"'{first}' is left alone, in float: {why}"
