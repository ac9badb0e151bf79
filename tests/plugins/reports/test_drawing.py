"""The drawing of the network: its parts and panels."""

import re

import pytest

from qnas.core.components import Quantizer
from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.network import count_found
from qnas.core.run.record import RunRecord
from qnas.plugins.reports.anatomy import Anatomy, FoundSlot, anatomy
from qnas.plugins.reports.drawing import draw


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


def test_lines_that_meet_do_so_between_two_slots():
    slots = ("conv1", "conv2", "conv3", "conv4")
    edges = {(0, 1), (0, 2), *((a, b) for a in (1, 2) for b in (3, 4)), (3, 5), (4, 5)}
    found = {path: FoundSlot(path, "conv3x3", "conv3x3", None, None) for path in slots}
    [panel] = draw(Anatomy(found, SlotGraph(slots, frozenset(edges)))).panels
    heights = [[float(y) for y in re.findall(r"[MV ]([\d.]+)(?=[VMC]|$)", line.path)] for line in panel.lines]
    meeting = (panel.nodes[1].y + panel.nodes[2].y) / 2
    assert sum(last == meeting for *_, last in heights) == sum(first == meeting for first, *_ in heights) == 2
