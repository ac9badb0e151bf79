"""What is memoised about a space is computed again whenever its network could differ."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pydantic import PrivateAttr
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Slot, count_space, find_shapes, slot_candidates
from qnas.core.network.memo import once_a_space
from qnas.core.network.probing.seeds import generator_states
from qnas.core.registry import no_foreign_code
from qnas.core.settings import as_of

LSQ = Quantizer.of("lsq")


class Counted(Space):
    """Records each time that it is built."""

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {"body": ("conv3x3",)}
    built: ClassVar[list[int]] = []
    file: ClassVar[Hashable] = "as it was"

    channels: int = 3
    _home: str = PrivateAttr(default="")

    def build(self, scale: int) -> nn.Module:
        self.built.append(scale)
        return nn.Sequential(Slot("body", 3, 3 * scale**2), nn.PixelShuffle(scale))

    def depends_on(self) -> Hashable:
        return self.file


@pytest.fixture(autouse=True)
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Counted, "built", [])
    monkeypatch.setattr(Counted, "file", object())  # as in a fresh process
    yield


def at_another_home() -> Space:
    space = Counted()
    space._home = "elsewhere"
    return space


def asked_without_code() -> None:
    with no_foreign_code():
        slot_candidates(Counted(), 2)


def asked_as_of_then() -> None:
    with as_of(1):
        slot_candidates(Counted(), 2)


def test_a_space_is_built_once_for_its_slots_and_counts() -> None:
    before = generator_states()
    first = slot_candidates(Counted(), 2), count_space(Counted(), 2, LSQ)
    assert len(Counted.built) == 3  # for the slots, to see whether it runs without values, for the counts
    assert (slot_candidates(Counted(), 2), count_space(Counted(), 2, LSQ)) == first
    assert len(Counted.built) == 3
    assert all(map(same, before.values(), generator_states().values()))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return all(map(same, one, other)) if isinstance(one, list) else bool(one == other)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: slot_candidates(Counted(), 3),
        lambda: slot_candidates(Counted(channels=4), 2),
        lambda: slot_candidates(at_another_home(), 2),
        asked_without_code,
        asked_as_of_then,
    ],
    ids=["scale", "field", "home", "no code", "version"],
)
def test_it_is_built_anew_where_its_network_may_be_another(ask: Callable[[], object]) -> None:
    slot_candidates(Counted(), 2)
    ask()
    assert len(Counted.built) == 2


def test_it_is_built_anew_once_what_its_fields_name_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    slot_candidates(Counted(), 2)
    monkeypatch.setattr(Counted, "file", "another")
    slot_candidates(Counted(), 2)
    assert len(Counted.built) == 2


def test_what_is_returned_may_be_changed() -> None:
    slot_candidates(Counted(), 2)["0"].clear()
    assert slot_candidates(Counted(), 2)["0"]


def test_an_error_is_raised_each_time() -> None:
    asked = []

    @once_a_space
    def failing(space: Space, scale: int) -> None:
        asked.append(scale)
        raise InputError("no")

    for _ in range(2):
        with pytest.raises(InputError, match="no"):
            failing(Counted(), 2)
    assert asked == [2, 2]


def test_arguments_that_are_equal_but_of_another_type_make_another_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("of_a_memo.py").write_text(
        "from torch import nn\n\n\n"
        "def network(wide):\n"
        "    inside = 6 if wide is True else 3\n"
        "    return nn.Sequential(nn.Conv2d(3, inside, 3, 1, 1), nn.Conv2d(inside, 12, 3, 1, 1), nn.PixelShuffle(2))\n"
    )
    spaces = [Space.of({"name": "module", "target": "of_a_memo:network", "arguments": {"wide": w}}) for w in (1, True)]
    channels = [first_channels(space) for space in spaces]
    assert channels == [3, 6]


def first_channels(space: Space) -> int:
    return find_shapes(space, 2)["0"].out_channels
