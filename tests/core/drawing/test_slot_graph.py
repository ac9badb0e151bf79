"""The flow of a network through its slots."""

import pytest
import torch
from torch import nn

from qnas.core.drawing.slot_graph import SlotGraph
from qnas.core.drawing.tracing import trace

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
def flow() -> SlotGraph:
    with torch.device("meta"):
        return trace(Network(), ["tail", *SLOTS, "head"])


def named(flow: SlotGraph, edges) -> set[tuple[str, str]]:
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
    # An identity is a slot like any other, though it returns its input.
    assert {a for a, b in edges if b == "body.1.skip"} == {"body.0.chain.1", "body.0.skip", "head"}


def test_essential_edges_leave_out_what_a_longer_way_stands_for(flow):
    edges = named(flow, flow.essential())
    assert ("head", "body.0.skip") in edges
    assert ("head", "body.1.skip") not in edges
    assert ("image", "output") not in edges


def test_a_thread_that_autograd_loses_follows_running_order():
    class Detached(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self[1](self[0](x).detach())

    with torch.device("meta"):
        network = Detached(nn.Conv2d(3, C, 1), nn.Conv2d(C, 3, 1))
    assert trace(network, ["0", "1"]) == SlotGraph.chain(["0", "1"])


def test_a_slot_that_runs_twice_is_fed_by_what_it_reads_and_by_nothing_else():
    class Recursive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.beside, self.shared, self.between = (nn.Conv2d(3, 3, 1) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            beside = self.beside(x)
            return self.shared(self.between(self.shared(x))) + beside

    with torch.device("meta"):
        flow = trace(Recursive(), ["beside", "shared", "between"])
    assert flow.slots == ("beside", "shared", "between")
    assert named(flow, flow.edges) == {
        ("image", "beside"),
        ("image", "shared"),
        ("shared", "between"),
        ("shared", "output"),
        ("beside", "output"),
    }
