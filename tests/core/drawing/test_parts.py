"""The parts of a network, and their layouts."""

from qnas.core.drawing.layout import Port
from qnas.core.drawing.parts import Parts
from qnas.core.drawing.slot_graph import SlotGraph


def test_parts_have_bypasses_and_connections_beside():
    # Two cells: two slots beside a third, all of it beside an identity; and the image is added to the output.
    slots = ["head", *(f"body.{cell}.{slot}" for cell in (0, 1) for slot in ("chain.0", "chain.1", "skip")), "tail"]
    inside = {(1, 2), (2, 3), (1, 4), (5, 6)}
    between = {(start, end) for start in (1, 3, 4) for end in (5, 7)}
    out = {(start, 8) for start in (1, 3, 4, 6, 7)}
    parts = Parts(SlotGraph(tuple(slots), frozenset({(0, 1), *inside, *between, *out, (8, 9), (0, 9)})))
    assert list(parts.members) == ["head", "body.0", "body.1", "tail"]
    assert parts.sources("body.1") == ["body.0"]
    cell = {(0, 1), (1, 2), (0, 3), (2, 4), (3, 4)}
    assert parts.edges("body.0") == {*cell, (0, 4)}
    layout = parts.lay_out("body.0")
    assert [row.item for row in layout.rows] == [Port.IN, "body.0.chain.0", "body.0.chain.1", "body.0.skip", Port.OUT]
    assert {(line.start, line.end) for line in layout.lines} == parts.edges("body.0")
    assert parts.edges("tail") == {(0, 1), (1, 2)}
    assert parts.beside() == [("the image", "the output")]
