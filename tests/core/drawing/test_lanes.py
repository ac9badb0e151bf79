"""Lanes: where the lines of a drawing run."""

import itertools

from hypothesis import given, strategies as st

from qnas.core.drawing.lanes import assign


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
