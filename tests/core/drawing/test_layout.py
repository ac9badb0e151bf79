"""The layout that terminal and pages draw."""

from qnas.core.drawing.folded import lay_out_folded
from qnas.core.drawing.layout import Layout, Port, lay_out
from qnas.core.drawing.repeats import Repeat
from qnas.core.drawing.slot_graph import SlotGraph


def ways(layout: Layout) -> set[tuple[int, int]]:
    return {(line.start, line.end) for line in layout.lines}


def test_a_chain_is_one_lane():
    layout = lay_out(["a", "b", "c"], {(0, 1), (1, 2)})
    assert [(row.item, row.lane) for row in layout.rows] == [("a", 0), ("b", 0), ("c", 0)]
    assert (ways(layout), layout.lanes) == ({(0, 1), (1, 2)}, 1)


def test_lines_from_many_to_many_meet_on_a_row_of_their_own():
    layout = lay_out(list("abcd"), {(a, b) for a in (0, 1) for b in (2, 3)})
    assert [row.item for row in layout.rows] == ["a", "b", None, "c", "d"]
    assert ways(layout) == {(0, 2), (1, 2), (2, 3), (2, 4)}
    assert layout.lanes == 2


def test_equal_parts_are_folded_where_that_saves_slots():
    slots = [f"body.{block}.{slot}" for block in range(3) for slot in "ab"]
    flow = SlotGraph.chain(["head", *slots, "tail"])
    layout = lay_out_folded(flow, dict.fromkeys(flow.slots, "same"))
    repeat = Repeat("body.0", ("body.1", "body.2"), range(4, 8))
    assert [row.item for row in layout.rows] == [Port.IN, "head", "body.0.a", "body.0.b", repeat, "tail", Port.OUT]
    assert ways(layout) == {(row, row + 1) for row in range(6)}
    assert repeat.label == "body.1 and body.2 are the same as body.0 (4 slots)"
    unlike = {path: path for path in flow.slots}
    assert [row.item for row in lay_out_folded(flow, unlike).rows] == [Port.IN, *flow.slots, Port.OUT]
