"""The graph as text: read back from its characters, it is the graph."""

import itertools
from typing import NamedTuple

from hypothesis import given, strategies as st

from qnas.core.cli.terminal.graph import draw_graph
from qnas.core.drawing.layout import lay_out

UP, DOWN, LEFT, RIGHT = "│╯╰┤├┴┼", "│╮╭┤├┬┼", "─╯╮┤┴┬┼", "─╰╭├┴┬┼"
MARK = "o"
Graph = tuple[int, set[tuple[int, int]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs in which earlier nodes feed every node but the first."""
    nodes = draw(st.integers(2, 10))
    feeding = [draw(st.sets(st.integers(0, node - 1), min_size=1)) for node in range(1, nodes)]
    return nodes, {(source, node) for node, sources in enumerate(feeding, 1) for source in sources}


class GraphLine(NamedTuple):
    """A line of the drawing, and the number of the node that stands on it, None where lines only meet."""

    text: str
    node: int | None


def lines_of(graph: Graph) -> list[GraphLine]:
    """The drawing of a graph, whose nodes are named by their numbers."""
    nodes, edges = graph
    layout = lay_out([str(node) for node in range(nodes)], edges)
    texts = draw_graph(layout, [row.item and MARK for row in layout.rows])
    return [GraphLine(text, row.item and int(row.item)) for text, row in zip(texts, layout.rows, strict=True)]


def read(lines: list[GraphLine]) -> set[tuple[int, int]]:
    """The edges between the lines of a drawing, by following each lane from top to bottom."""
    edges = set()
    for lane in range(0, len(lines[0].text), 2):
        begun = None
        for row, line in enumerate(lines):
            place = line.text[lane]
            if place == "│":
                assert begun is not None
                continue
            if place in UP + MARK and begun is not None:
                edges.add((begun, row))
            begun = row if place in DOWN + MARK else None
    return edges


def through_junctions(lines: list[GraphLine], edges: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The edges between nodes."""
    for row, line in enumerate(lines):
        if line.node is None:
            sources, targets = {a for a, b in edges if b == row}, {b for a, b in edges if a == row}
            edges = {edge for edge in edges if row not in edge} | {(a, b) for a in sources for b in targets}
    nodes = [line.node for line in lines]
    return {(nodes[a], nodes[b]) for a, b in edges}


@given(graphs())
def test_the_drawing_says_what_the_graph_is(graph):
    nodes, edges = graph
    lines = lines_of(graph)
    assert [line.node for line in lines if line.node is not None] == list(range(nodes))
    assert through_junctions(lines, read(lines)) == edges


@given(graphs())
def test_no_line_ends_in_nothing(graph):
    lines = [line.text for line in lines_of(graph)]
    assert len(set(map(len, lines))) == 1
    for above, below in itertools.pairwise(lines):
        for upper, lower in zip(above, below, strict=True):
            assert upper not in DOWN or lower in UP + MARK
            assert lower not in UP or upper in DOWN + MARK
    for line in lines:
        assert line[-1] == " "
        for left, right in itertools.pairwise(line):
            # A crossed line continues behind the other.
            assert left not in RIGHT or right in f"{LEFT}{MARK}│"
            assert right not in LEFT or left in f"{RIGHT}{MARK}│"


def test_branches_stand_aside_and_meet():
    edges = {(0, 1), (1, 2), (0, 3), *((a, b) for a in (2, 3) for b in (4, 5)), (4, 6), (5, 6)}
    layout = lay_out(list("abcdefg"), edges)
    assert [line.rstrip() for line in draw_graph(layout, [row.item for row in layout.rows])] == [
        "a─╮",
        "b │",
        "c │",
        "│ d",
        "├─┤",
        "e │",
        "│ f",
        "g─╯",
    ]


def test_a_node_alone():
    assert lines_of((1, set())) == [GraphLine("o ", 0)]
