"""The drawing of the network: its flow, its parts, its lanes."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from qnas.core.components import Quantizer
from qnas.core.network import count_found
from qnas.plugins.reports.anatomy import anatomy
from qnas.plugins.reports.drawing import draw
from qnas.plugins.reports.flow import Flow, trace
from qnas.plugins.reports.groups import group_names
from qnas.plugins.reports.lanes import assign
from qnas.plugins.reports.parts import Parts
from qnas.plugins.reports.record import RunRecord

C = 4


class Cell(nn.Module):
    """Two slots beside a third, all of it beside an identity; the skip is defined first but runs last."""

    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Conv2d(C, C, 1)
        self.chain = nn.ModuleList([nn.Identity(), nn.Conv2d(C, C, 1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.chain[1](self.chain[0](x)) + self.skip(x) + x


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, C, 1)
        self.body = nn.Sequential(Cell(), Cell())
        self.tail = nn.Conv2d(C, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.body(self.head(x))) + x


SLOTS = ["body.0.skip", "body.0.chain.0", "body.0.chain.1", "body.1.skip", "body.1.chain.0", "body.1.chain.1"]


@pytest.fixture(scope="module")
def flow() -> Flow:
    with torch.device("meta"):
        return trace(Network(), ["tail", *SLOTS, "head"])


def named(flow: Flow, edges) -> set[tuple[str, str]]:
    names = ["image", *flow.slots, "output"]
    return {(names[a], names[b]) for a, b in edges}


def test_slots_come_in_running_order(flow):
    order = ["chain.0", "chain.1", "skip"]
    cells = [f"body.{cell}.{slot}" for cell in (0, 1) for slot in order]
    assert flow.slots == ("head", *cells, "tail")


def test_flow_is_what_the_network_computes(flow):
    edges = named(flow, flow.edges)
    assert {b for a, b in edges if a == "image"} == {"head", "output"}
    assert {a for a, b in edges if b == "body.0.chain.1"} == {"body.0.chain.0"}
    # An identity is a slot like any other, though it puts out what it was given.
    assert {a for a, b in edges if b == "body.1.skip"} == {"body.0.chain.1", "body.0.skip", "head"}


def test_essential_edges_leave_out_what_a_longer_way_stands_for(flow):
    edges = named(flow, flow.essential())
    assert ("head", "body.0.skip") in edges
    assert ("head", "body.1.skip") not in edges
    assert ("image", "output") not in edges


def test_parts_have_bypasses_and_connections_beside(flow):
    parts = Parts(flow)
    assert list(parts.members) == ["head", "body.0", "body.1", "tail"]
    assert parts.sources("body.1") == ["body.0"]
    cell = {(0, 1), (1, 2), (0, 3), (2, 4), (3, 4)}
    assert parts.lines("body.0") == {*cell, (0, 4)}
    assert parts.lines("tail") == {(0, 1), (1, 2)}
    assert parts.beside() == [("the image", "the output")]


def test_a_thread_that_autograd_loses_follows_running_order():
    class Detached(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self[1](self[0](x).detach())

    with torch.device("meta"):
        network = Detached(nn.Conv2d(3, C, 1), nn.Conv2d(C, 3, 1))
    assert trace(network, ["0", "1"]) == Flow.chain(["0", "1"])


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


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.sampled_from(pairs(n))))))
def test_lines_cross_no_node_and_share_no_lane(graph):
    nodes, edges = graph
    node_lanes, edge_lanes = assign(nodes, edges)
    assert len(node_lanes) == nodes
    assert set(edge_lanes) == set(edges)
    for (start, end), lane in edge_lanes.items():
        assert all(node_lanes[node] != lane for node in range(start + 1, end))
    for (first, lane), (second, other) in itertools.combinations(edge_lanes.items(), 2):
        if lane == other:
            assert first[1] <= second[0] or second[1] <= first[0]


def pairs(n: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(n), 2))


def test_shares_are_those_of_the_count(tiny):
    found = anatomy(RunRecord.read(tiny.make()))
    chosen = tiny.architecture
    run = count_found(chosen.space, 2, chosen.candidates(), Quantizer.of("lsq"))
    total = sum(c.macs * c.weight_bits * c.activation_bits for c in run)
    head = sum(c.macs * c.weight_bits * c.activation_bits for c in run if c.path.startswith("head.1."))
    assert found.slots["head.1"].share == pytest.approx(head / total)
    assert sum(slot.share for slot in found.slots.values()) + found.fixed_share == pytest.approx(1)
    assert found.lowest <= total <= found.highest
    assert found.unknown == ""


def test_every_slot_stands_on_a_line_of_its_panel(tiny):
    drawing = draw(anatomy(RunRecord.read(tiny.make())))
    assert {n.slot.path for panel in drawing.panels for n in panel.nodes} == set(tiny.architecture.slots)
    for panel in drawing.panels:
        ends = {line.path.replace("V", " ").split()[-1] for line in panel.lines}
        for node in panel.nodes:
            assert f"{node.y:g}" in ends
            assert 0 < node.x < panel.width
            assert 0 < node.y < panel.height
