"""Lanes: where the lines of a drawing run, so that no line passes through a node or along another line."""

from collections.abc import Collection

from qnas.core.drawing.slot_graph import Edge


def assign(nodes: int, edges: Collection[Edge]) -> tuple[list[int], dict[Edge, int]]:
    """The lane of each node and of each edge, lanes being counted from 0.

    Nodes stand one below the other in the order of their numbers, and an edge leads to a larger number. The
    line with the most still to come goes straight on out of a node, so that side branches stand aside; a node
    with several lines in stands on the lowest of them.
    """
    depths = _depths(nodes, edges)
    busy: dict[int, Edge] = {}
    node_lanes: list[int] = []
    edge_lanes: dict[Edge, int] = {}
    for node in range(nodes):
        arriving = [lane for lane, edge in busy.items() if edge[1] == node]
        for lane in arriving:
            del busy[lane]
        lane = min(arriving, default=_lowest_free(busy))
        node_lanes.append(lane)
        for edge in sorted((e for e in edges if e[0] == node), key=lambda e: (-depths[e[1]], e)):
            own = lane if lane not in busy else _lowest_free(busy)
            busy[own] = edge
            edge_lanes[edge] = own
    return node_lanes, edge_lanes


def _depths(nodes: int, edges: Collection[Edge]) -> list[int]:
    """How many edges lead on from each node, one after the other, at most."""
    depths = [0] * nodes
    for start, end in sorted(edges, reverse=True):
        depths[start] = max(depths[start], depths[end] + 1)
    return depths


def _lowest_free(busy: Collection[int]) -> int:
    return next(lane for lane in range(len(busy) + 1) if lane not in busy)
