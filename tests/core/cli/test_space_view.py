"""A space as ``qnas show`` and ``qnas check`` show it."""

import functools
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError
from rich.console import Console
from torch import Tensor, nn

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.candidate_sets import CandidateSets
from qnas.core.cli.terminal.space_view import SpaceView, print_space, view_space
from qnas.core.components import Operation, Quantizer, Space
from qnas.core.errors import QnasError
from qnas.core.network import Candidate, Slot, count_found, grid, slot_candidates
from qnas.core.registry import Entry, plugins
from qnas.core.settings import Widths

MARKS = "●○⋮□"


def buildable() -> list[tuple[str, int]]:
    """Every registered space that needs no fields, at every scale that it claims."""
    found = []
    for entry in plugins().registries["space"]:
        try:
            found += [(entry.name, scale) for scale in sorted(Space.of(entry.name).scales)]
        except ValidationError:
            assert entry.name == "module"
    return found


def view_of(space: Space, scale: int) -> SpaceView:
    return view_space(space, scale, Quantizer.of("lsq"))


@functools.cache
def registered(name: str, scale: int) -> SpaceView:
    return view_of(Space.of(name), scale)


def shown(view: SpaceView, width: int = 80, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, force_terminal=terminal)
    print_space(console, view, "it")
    return console.file.getvalue()


def drawn(text: str) -> dict[str, str]:
    """Path to the rest of its line, for every slot that is drawn."""
    lines = (re.match(r"[│─╮╯┤├┴┬┼╭╰ ]*[●○][│─╮╯┤├┴┬┼╭╰ ]* (\S+) +(\d+ → .*)", line) for line in text.splitlines())
    return {match[1]: match[2] for match in lines if match}


def left_out(text: str) -> tuple[list[str], int]:
    """The parts that are declared the same as others, and the number of their slots."""
    parts, slots = [], 0
    for first, between, last, like, number in re.findall(
        r"⋮[│─╯┴┤ ]*(\S+)(?: (to|and) (\S+))? (?:is|are) the same as (\S+) \((\d+) slots\)", text
    ):
        stem, begin = re.fullmatch(r"(.*?)(\d+)", first).groups()
        end = int(re.fullmatch(r".*?(\d+)", last or first)[1])
        assert like == f"{stem}{int(begin) - 1}"
        assert between == {1: "", 2: "and"}.get(end - int(begin) + 1, "to")
        parts += [f"{stem}{index}" for index in range(int(begin), end + 1)]
        slots += int(number)
    return parts, slots


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), buildable())
def test_every_slot_of_every_space_is_drawn_or_said_to_be_the_same_as_one_that_is(name, scale):
    view = registered(name, scale)
    text = shown(view)
    rows, (parts, hidden) = drawn(text), left_out(text)
    assert len(rows) + hidden == len(view.shapes)
    for path, shape in view.shapes.items():
        if path in rows:
            stride = f" /{shape.stride}" if shape.stride > 1 else ""
            assert re.match(rf"{shape.in_channels} → {shape.out_channels}{stride} ", rows[path])
        else:
            assert any(path == part or path.startswith(f"{part}.") for part in parts)


@pytest.mark.parametrize(("name", "scale"), buildable())
def test_every_space_fits_on_a_screen(name, scale):
    lines = shown(registered(name, scale)).splitlines()
    drawing = lines[: lines.index("")]
    assert len(drawing) <= 30
    assert max(map(len, lines)) <= 80
    assert "image" in drawing[1] and any("output" in line for line in drawing[-3:])


@pytest.mark.parametrize(("name", "scale"), buildable())
def test_the_figures_are_those_of_the_space(name, scale):
    view = registered(name, scale)
    space = Space.of(name)
    candidates = slot_candidates(space, scale)
    assert view.architectures == math.prod(len(options) for options in candidates.values())
    text = shown(view)
    assert f"it: {len(candidates)} slots, " in text
    roles = re.search(r"^slots by role: (.*)$", text, re.MULTILINE)[1]
    assert {role: int(number) for role, number in (pair.split() for pair in roles.split(", "))} == {
        role: sum(shape.role == role for shape in view.shapes.values())
        for role in space.roles()
        if any(shape.role == role for shape in view.shapes.values())
    }
    cheapest = {path: min(options, key=lambda c: _bitops(view, path, c)) for path, options in candidates.items()}
    run = count_found(space, scale, cheapest, Quantizer.of("lsq"))
    assert view.tables["bitops"].lowest == sum(c.macs * c.weight_bits * c.activation_bits for c in run)


def _bitops(view: SpaceView, path: str, candidate: Candidate) -> float:
    row = list(view.candidates).index(path)
    return view.tables["bitops"].slots[row, list(view.candidates[path]).index(candidate)].item()


@pytest.mark.parametrize(("name", "scale"), buildable())
def test_every_list_of_candidates_is_told(name, scale):
    view = registered(name, scale)
    text = shown(view)
    sets = CandidateSets(view.candidates)
    told = text[text.index("\n\n") :]
    for path, row in drawn(text).items():
        label = sets.labels[path]
        assert row.endswith(f" {label}")
        if label in sets.legend:
            assert re.search(rf"^{label}  {len(view.candidates[path])} candidates: ", told, re.MULTILINE)
            for candidate in view.candidates[path]:
                assert re.search(rf"\b{re.escape(candidate.operation.label)}\b", told)
        else:
            assert {c.operation.label for c in view.candidates[path]} == {label.split(" @ ")[0]}
    assert len(set(sets.legend.values())) == len(sets.legend)


def test_figures_of_known_networks_are_the_published_ones():
    assert "1.52 M parameters, 114 GMACs for an output of 1280 x 720" in shown(registered("edsr-baseline", 4))
    assert "715 k parameters, 40.9 GMACs" in shown(registered("imdn", 4))
    assert "for an output of 1281 x 720" in shown(registered("imdn", 3))


def test_colour_is_for_terminals():
    view = registered("quantnas-rfdn", 4)
    plain, coloured = shown(view), shown(view, terminal=True)
    assert "\x1b" not in plain
    assert "\x1b" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_narrow_terminal_cuts_the_candidates_and_not_the_paths():
    view = registered("rfdn", 2)
    drawing = shown(view, width=62, terminal=True).split("\n\n")[0]
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 62 for line in drawing.splitlines())
    assert all(path in drawing for path in drawn(shown(view)))
    assert "…" in drawing
    assert "…" not in shown(view, width=62)


def test_a_terminal_without_unicode_is_drawn_on_with_other_characters():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_space(Console(file=file, width=80), registered("quantnas-rfdn", 4), "it")
    file.seek(0)
    lines = file.read().splitlines()
    assert "o-+-+-' body.0.body.fuse                 96 > 48     1x1     native @ 8" in lines


class Custom(Space):
    """The smallest space; a test gives it a network."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv1x1", "conv3x3")}
    network: ClassVar[Callable[[], nn.Module]]

    def build(self, scale: int) -> nn.Module:
        return nn.Sequential(type(self).network(), nn.Conv2d(3, 3 * scale**2, 1), nn.PixelShuffle(scale))


def custom(network: Callable[[], nn.Module], **fields: object) -> Space:
    made = type("Made", (Custom,), {"network": staticmethod(network), "__module__": __name__})
    return made.model_validate({"name": "made", **fields})


class Branches(nn.Module):
    """Two branches, one of which branches again; their sum feeds two slots."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("stem", "long1", "long2", "short", "twig", "left", "right"):
            self.add_module(name, Slot("body", 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        long = self.long1(x)
        x = self.long2(long) + self.short(x) + self.twig(long)
        return self.left(x) * self.right(x)


def graph_of(text: str) -> list[str]:
    """The lines of the drawing, as far as the paths."""
    drawing, _ = text.split("\n\n", maxsplit=1)
    return [re.sub(r"(?<=\w)  .*", "", line) for line in drawing.splitlines()[1:]]


def test_branches_are_drawn():
    assert graph_of(shown(view_of(custom(Branches), 2))) == [
        "□     image",
        "●─╮   0.stem",
        "●─│─╮ 0.long1",
        "● │ │ 0.long2",
        "│ ● │ 0.short",
        "│ │ ● 0.twig",
        "├─┼─╯",
        "● │   0.left",
        "│ ●   0.right",
        "□─╯   output",
    ]


def test_a_space_without_slots_is_one_network():
    text = shown(view_of(custom(nn.Identity), 2))
    assert graph_of(text)[:2] == ["□ image", "□ output"]
    assert "it: 0 slots, 1 architecture, scale 2\nslots by role: none\nBitOps at 32 x 32 LR: 37.7 MBitOps\n" in text


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Slot("body", 3, 3)
        self.between = Slot("body", 3, 3)
        self.second = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.between(self.first(x)))


def test_a_slot_that_stands_at_two_paths_is_drawn_where_it_runs_first():
    view = view_of(custom(Shared), 2)
    assert drawn(shown(view)) == dict.fromkeys(["0.first", "0.between"], "3 → 3   3x3     A")
    assert view.architectures == 4**2


def test_residuals_are_not_drawn_and_that_is_said():
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slot = Slot("body", 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.slot(x) + x

    remark = "Connections beside a longer way, such as residuals, are not drawn."
    assert remark in shown(view_of(custom(Residual), 2))
    assert remark not in shown(view_of(custom(Branches), 2))


def test_choices_that_slots_share_are_told_and_count_once():
    fields = {"name": "basic", "channels": 6, "cells": 3, "bits": [4], "operations": {"all": ["conv3x3", "conv5x5"]}}
    apart, shared = (view_of(Space.of({**fields, **more}), 2) for more in ({}, {"shared": ["body.*"]}))
    assert (apart.architectures, shared.architectures) == (2 ** (5 + 3 * 3), 2 ** (5 + 3))
    told = "Slots of one name in body.* share one choice."
    assert told in shown(shared).splitlines()
    assert told not in shown(apart)


def test_notices_of_the_space_are_passed_on():
    class Noticed(Custom):
        network: ClassVar[Callable[[], nn.Module]] = nn.Identity

        def notices(self, scale: int) -> list[str]:
            return [f"left alone at {scale}: up.0"]

    assert "left alone at 2: up.0\n" in shown(view_of(Noticed(name="made"), 2))


def test_a_native_network_that_does_not_fit_is_not_counted():
    assert "native network" not in shown(view_of(custom(lambda: Slot("body", 3, 3, native="conv3x3g2")), 2))


def test_a_network_that_can_not_take_a_large_image_is_still_shown():
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slot = Slot("body", 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.slot(x.reshape(1, 3, 32, 32))

    assert "\nnative network: 132 parameters; it takes no LR image of 640 x 360\n" in shown(view_of(custom(Picky), 2))


def test_a_network_that_does_not_run_is_one_line():
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no such thing\nand more")

    with pytest.raises(
        QnasError, match=r"^the network of 'made' does not run at scale 2: ValueError: no such thing \("
    ):
        view_of(custom(Broken), 2)


def test_candidates_in_words():
    operations = tuple(map(Operation.of, ("conv3x3", "identity", "conv5x5")))
    kept = [Candidate(operations[0], Widths(8, 8))]
    mixed = grid(operations, [Widths(4, 8), Widths(8, 8), Widths(32, 32)])
    sets = CandidateSets({"a": kept, "b": mixed, "c": grid(operations[1:2], []), "d": list(kept), "e": mixed[1:3]})
    assert sets.labels == {
        "a": "conv3x3 @ 8",
        "b": "A",
        "c": "identity",
        "d": "conv3x3 @ 8",
        "e": "conv3x3 @ 8, 32",
    }
    assert sets.legend == {
        "A": "7 candidates: conv3x3, conv5x5 at 4/8, 8 or 32 bits; identity (weights/activations)",
    }
    assert list(sets.colours) == ["A", "conv3x3 @ 8, 32"]


def test_a_long_list_of_bits_stands_in_the_legend():
    sets = CandidateSets({"a": grid((Operation.of("conv3x3"),), [Widths(bits, bits) for bits in range(2, 8)])})
    assert sets.labels == {"a": "A"}
    assert sets.legend == {"A": "6 candidates: conv3x3 at 2, 3, 4, 5, 6 or 7 bits"}


def test_there_are_letters_for_any_number_of_lists():
    operations = tuple(map(Operation.of, ("conv3x3", "conv5x5")))
    widths = [Widths(weight, activation) for weight in range(2, 17) for activation in range(2, 6)]
    sets = CandidateSets({pair.label: grid(operations, [pair]) for pair in widths})
    assert len(set(sets.labels.values())) == len(sets.legend) == len(widths) == 60


def test_show_draws_a_space_at_the_usual_scale_or_at_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["show", "space", "espcn"]) == 0
    usual = capsys.readouterr().out
    assert invoke(["show", "space", "espcn", "--scale", "4"]) == 0
    assert capsys.readouterr().out == usual
    assert "espcn: 3 slots, 8 architectures, scale 4" in usual
    assert invoke(["show", "spaces", "espcn", "--scale", "2"]) == 0
    assert "scale 2" in capsys.readouterr().out


def test_show_refuses_scales_that_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["show", "space", "basic", "--scale", "5"]) == 2
    assert capsys.readouterr().err == "the space 'basic' can't do scale 5 (it can do: 2, 3, 4)\n"
    assert invoke(["show", "quantizer", "lsq", "--scale", "2"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "only a space has a scale: show quantizer lsq without --scale\n")


def test_show_says_what_a_space_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["show", "space", "module"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("Its network depends on target, which a spec must state: draw it with qnas check SPEC.\n")
    assert "□" not in shown


SPACES = """
from pydantic import model_validator
from torch import nn
from qnas.core.components import Space

class Twice(Space):
    scales = frozenset({2, 3})
    defaults = {}

    def build(self, scale):
        return nn.Sequential(nn.Conv2d(3, 3 * scale**2, 1), nn.PixelShuffle(scale))

class Broken(Twice):
    def build(self, scale):
        raise ValueError("out of paint")

class Undecided(Twice):
    left: bool = False

    @model_validator(mode="after")
    def _decide(self):
        if not self.left:
            raise ValueError("say left")
        return self
"""


@pytest.fixture
def strange_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Third-party spaces."""
    (tmp_path / "strange_spaces.py").write_text(SPACES)
    monkeypatch.syspath_prepend(tmp_path)
    registry = plugins().registries["space"]
    entries = [Entry(name, f"strange_spaces:{name.title()}", "", "theirs") for name in ("twice", "broken", "undecided")]
    for entry in entries:
        registry.add(entry)
    yield
    for entry in entries:
        registry.remove(entry)


def test_show_takes_the_largest_scale_where_there_is_no_4(
    strange_spaces: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["show", "space", "twice"]) == 0
    assert "twice: 0 slots, 1 architecture, scale 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("broken", "the network of 'broken' can't be built: ValueError: out of paint"),
        ("undecided", "the defaults of the space 'undecided' are not enough for a network: Value error, say left"),
    ],
)
def test_show_says_why_a_space_can_not_be_drawn(
    name: str, line: str, strange_spaces: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["show", "space", name]) != 0
    told = capsys.readouterr()
    assert re.fullmatch(rf"{re.escape(line)}( \(.*strange_spaces.py:\d+\))?\n", told.err)
    assert told.out.startswith(f"{name} (space of theirs")
