"""The drawing of the network: its parts and panels."""

import pytest

from qnas.core.components import Quantizer
from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.network import count_found
from qnas.core.run.record import RunRecord
from qnas.plugins.reports.anatomy import anatomy
from qnas.plugins.reports.drawing import draw
from qnas.plugins.reports.groups import group_names
from qnas.plugins.reports.parts import Parts


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
    assert parts.lines("body.0") == {*cell, (0, 4)}
    assert parts.lines("tail") == {(0, 1), (1, 2)}
    assert parts.beside() == [("the image", "the output")]


@pytest.mark.parametrize(
    ("paths", "groups"),
    [
        (["head.0", "head.1", "upsample", "tail.1"], ["head", "head", "upsample", "tail"]),
        (["body.0.body.chain.1", "body.0.body.skip", "up"], ["body.0", "body.0", "up"]),
        (["net.blocks.0.conv1", "net.blocks.1.conv1", "net.up"], ["net.blocks.0", "net.blocks.1", "net.up"]),
        (["conv1", "conv2", "up"], ["conv", "conv", "up"]),
        (["body.0.a", "body.0.b"], ["body.0.a", "body.0.b"]),
        (["0", "1"], ["0", "1"]),
        (["only"], ["only"]),
        ([], []),
    ],
)
def test_groups(paths, groups):
    assert list(group_names(paths).values()) == groups


def test_shares_are_those_of_the_count(tiny):
    found = anatomy(RunRecord(tiny.make()))
    chosen = tiny.architecture
    run = count_found(chosen.space, 2, chosen.candidates(), Quantizer.of("lsq"))
    total = sum(c.macs * c.weight_bits * c.activation_bits for c in run)
    head = sum(c.macs * c.weight_bits * c.activation_bits for c in run if c.path.startswith("head.1."))
    assert found.slots["head.1"].share == pytest.approx(head / total)
    assert sum(slot.share for slot in found.slots.values()) + found.fixed_share == pytest.approx(1)
    lowest, highest = found.ranges["bitops"]
    assert lowest <= total <= highest
    assert found.unknown == ""


def test_every_slot_stands_on_a_line_of_its_panel(tiny):
    drawing = draw(anatomy(RunRecord(tiny.make())))
    assert {n.slot.path for panel in drawing.panels for n in panel.nodes} == set(tiny.architecture.slots)
    for panel in drawing.panels:
        ends = {line.path.replace("V", " ").split()[-1] for line in panel.lines}
        for node in panel.nodes:
            assert f"{node.y:g}" in ends
            assert 0 < node.x < panel.width
            assert 0 < node.y < panel.height
