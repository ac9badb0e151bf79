"""Parts of a network that are the same as the part before them."""

from collections.abc import Iterable, Sequence

import pytest

from qnas.core.drawing.repeats import find_repeats
from qnas.core.drawing.slot_graph import SlotGraph


def blocks(residual: Sequence[bool], collected: bool = False) -> SlotGraph:
    """A head, blocks of two slots with or without a residual around them, and a tail, fed by the last or by all."""
    slots, edges, outputs = ["head"], {(0, 1)}, []
    features = {1}
    for index, around in enumerate(residual):
        first, second = len(slots) + 1, len(slots) + 2
        slots += [f"body.{index}.a", f"body.{index}.b"]
        edges |= {(source, first) for source in features} | {(first, second)}
        features = {second} | (features if around else set())
        outputs.append(features)
    tail = len(slots) + 1
    edges |= {(source, tail) for source in (set().union(*outputs) if collected else features)} | {(tail, tail + 1)}
    return SlotGraph((*slots, "tail"), frozenset(edges))


def found(flow: SlotGraph, least: int = 2, kinds: dict[str, str] | None = None) -> list[tuple[str, list[str]]]:
    """The repeats, as the part that is repeated and the parts that are the same."""
    repeats = find_repeats(flow, {**dict.fromkeys(flow.slots, ""), **(kinds or {})}, least)
    for repeat in repeats:
        inside = [flow.slots[node - 1] for node in repeat.nodes]
        assert all(any(slot == part or slot.startswith(f"{part}.") for part in repeat.parts) for slot in inside)
    return [(repeat.like, list(repeat.parts)) for repeat in repeats]


def body(indices: Iterable[int]) -> list[str]:
    return [f"body.{index}" for index in indices]


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("collected", [True, False])
def test_equal_blocks_repeat_the_first(residual, collected):
    assert found(blocks([residual] * 4, collected)) == [("body.0", body([1, 2, 3]))]


def test_few_slots_are_not_worth_it():
    flow = blocks([False] * 3)
    assert found(flow, least=4) == [("body.0", body([1, 2]))]
    assert found(flow, least=5) == []


@pytest.mark.parametrize(
    ("residual", "expected"),
    [
        ([True, True, True, True, False], [("body.0", body([1, 2, 3]))]),
        ([True, True, False, False, False], [("body.0", ["body.1"]), ("body.2", body([3, 4]))]),
        ([False, True, True, True], [("body.1", body([2, 3]))]),
        ([True, False, True], []),
    ],
)
def test_a_residual_around_a_block_is_a_difference(residual, expected):
    assert found(blocks(residual)) == expected


def test_another_kind_of_slot_is_a_difference():
    assert found(blocks([True] * 5), kinds={"body.2.b": "wide"}) == [("body.0", ["body.1"]), ("body.3", ["body.4"])]


PAIRS = ["b.0.x", "b.0.y", "b.1.x", "b.1.y", "b.2.x", "b.2.y"]
CHAIN = SlotGraph.chain(PAIRS).edges
BESIDE = {(0, 1), (0, 2), (1, 3), (2, 4), (5, 7), (6, 7)}  # x and y of each block beside each other


@pytest.mark.parametrize(
    ("slots", "edges", "expected"),
    [
        pytest.param(PAIRS, CHAIN, [("b.0", ["b.1", "b.2"])], id="none"),
        pytest.param(PAIRS, CHAIN | {(2, 4)}, [], id="the second slot reads the block before"),
        pytest.param(PAIRS, CHAIN | {(0, 4)}, [], id="the second slot reads the image"),
        pytest.param(PAIRS, BESIDE | {(3, 5), (4, 6)}, [("b.0", ["b.1", "b.2"])], id="none, two lines from each"),
        pytest.param(PAIRS, BESIDE | {(3, 6), (4, 5)}, [("b.0", ["b.1"])], id="crossed lines"),
        pytest.param(
            ["b.0.x", "b.0.y", "b.0.z", "b.1.x", "b.1.y", "b.1.z"], CHAIN | {(4, 6)}, [], id="a residual inside"
        ),
        pytest.param(
            ["side", "b.0", "b.1", "b.2", "b.3"],
            {(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 5), (5, 6)},
            [("b.1", ["b.2", "b.3"])],
            id="one reads what the others do not",
        ),
        pytest.param(
            ["b.0", "b.1", "b.2", "b.3", "side"],
            {(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (1, 5), (5, 6)},
            [("b.1", ["b.2", "b.3"])],
            id="one feeds what the others do not",
        ),
        pytest.param(
            ["b.0", "b.1", "b.2", "between", "b.3"],
            {(0, 1), (1, 2), (2, 3), (3, 5), (5, 6), (0, 4), (4, 6)},
            [("b.0", ["b.1", "b.2"])],
            id="another slot runs between",
        ),
    ],
)
def test_connections_can_be_a_difference(slots, edges, expected):
    assert found(SlotGraph(tuple(slots), frozenset(edges))) == expected


def test_blocks_beside_each_other_are_all_told():
    slots = ["b.0.x", "b.0.y", "b.1.x", "b.1.y"]
    assert found(SlotGraph(tuple(slots), frozenset({(0, 1), (1, 2), (2, 5), (0, 3), (3, 4), (4, 5)}))) == []


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (["conv1", "conv2", "conv3"], [("conv1", ["conv2", "conv3"])]),
        (["up", "B1.c", "B2.c", "B3.c"], [("B1", ["B2", "B3"])]),
        (["b.0.c", "b.2.c", "b.3.c"], []),
        (["b.0.c", "b.1.d", "b.2.c"], []),
        (["b.8", "b.9", "b.10"], [("b.8", ["b.9", "b.10"])]),
        (["c.0", "d.0", "c.1", "d.1", "c.2", "d.2"], []),
        (["c.0.x", "d.0", "c.0.y", "c.1.x", "d.1", "c.1.y"], []),
        (["a", "b", "c"], []),
        ([], []),
    ],
)
def test_names_are_numbers_that_follow_each_other(slots, expected):
    assert found(SlotGraph.chain(slots)) == expected


def test_repeats_inside_what_is_repeated_are_found_too():
    slots = [f"layers.{layer}.{part}" for layer in range(3) for part in ("blocks.0", "blocks.1", "blocks.2", "conv")]
    inside = ("layers.0.blocks.0", ["layers.0.blocks.1", "layers.0.blocks.2"])
    assert found(SlotGraph.chain(slots)) == [inside, ("layers.0", ["layers.1", "layers.2"])]
