"""The parts of a network: its slots in groups, a layout for each, and what leads from one group to another."""

from collections.abc import Iterable
from functools import cached_property

from qnas.core.drawing.groups import group_names
from qnas.core.drawing.layout import Layout, Port, lay_out
from qnas.core.drawing.slot_graph import Edge, SlotGraph

IMAGE, OUTPUT = "the image", "the output"


class Parts:
    """The groups of a network's slots; nodes are numbered as in its flow.

    Attributes:
        members: Part to its nodes, both in running order.
    """

    def __init__(self, flow: SlotGraph) -> None:
        groups = group_names(flow.slots)
        self._flow = flow
        self._of_node = [IMAGE, *(groups[path] for path in flow.slots), OUTPUT]
        self._edges = flow.essential()
        self.members: dict[str, list[int]] = {}
        for node, path in enumerate(flow.slots, 1):
            self.members.setdefault(groups[path], []).append(node)

    def sources(self, part: str) -> list[str]:
        """The parts that feed ``part``."""
        return self._parts(self._entering[part])

    def lay_out(self, part: str) -> Layout:
        """The layout of a part's slots, between where data comes in and where it goes out."""
        paths = [self._flow.slots[node - 1] for node in self.members[part]]
        return lay_out([Port.IN, *paths, Port.OUT], self.edges(part))

    def edges(self, part: str) -> set[Edge]:
        """The connections to draw in a part: 0 is where data comes in, then come its slots, then where it goes out."""
        members = {node: index for index, node in enumerate(self.members[part], 1)}
        outside = len(members) + 1
        edges = {(members.get(a, 0), members.get(b, outside)) for node in members for a, b in self._at_node[node]}
        return edges | ({(0, outside)} if part in self._bypassed else set())

    def beside(self) -> list[tuple[str, str]]:
        """The connections between parts, other than bypasses and those from one part to the next."""
        direct = {(self._of_node[a], self._of_node[b]) for a, b in self._flow.edges}
        reached = {part: self._reached(part) for part in [IMAGE, *self.members]}
        position = {part: index for index, part in enumerate([IMAGE, *self.members, OUTPUT])}
        beside = {(a, b) for a, b in direct if a != b and b not in reached[a]}
        return sorted(beside, key=lambda pair: (position[pair[0]], position[pair[1]]))

    @cached_property
    def _at_node(self) -> dict[int, list[Edge]]:
        at_node: dict[int, list[Edge]] = {node: [] for node in range(self._flow.output + 1)}
        for edge in self._edges:
            for node in edge:
                at_node[node].append(edge)
        return at_node

    @cached_property
    def _entering(self) -> dict[str, set[int]]:
        """Part to the nodes outside that feed it."""
        return {part: {a for a, b in self._crossing(part) if self._of_node[b] == part} for part in self.members}

    @cached_property
    def _leaving(self) -> dict[str, set[int]]:
        """Part to the nodes outside that it feeds."""
        return {part: {b for a, b in self._crossing(part) if self._of_node[a] == part} for part in self.members}

    @cached_property
    def _bypassed(self) -> set[str]:
        """The parts around which data also flows, as around a residual block."""
        edges = self._flow.edges
        return {
            part
            for part in self.members
            if any((a, b) in edges for a in self._entering[part] for b in self._leaving[part])
        }

    def _crossing(self, part: str) -> list[Edge]:
        edges = [edge for node in self.members[part] for edge in self._at_node[node]]
        return [(a, b) for a, b in edges if self._of_node[a] != self._of_node[b]]

    def _parts(self, nodes: Iterable[int]) -> list[str]:
        return list(dict.fromkeys(self._of_node[node] for node in sorted(nodes)))

    def _reached(self, part: str) -> set[str]:
        """The parts that data from ``part`` reaches without passing through a slot of another part."""
        reached: set[str] = set()
        pending = [IMAGE] if part == IMAGE else [part]
        while pending:
            current = pending.pop()
            following = self._following(current) - reached
            reached |= following
            pending += [name for name in following if name in self._bypassed]
        return reached

    def _following(self, part: str) -> set[str]:
        if part == IMAGE:
            return {self._of_node[b] for _, b in self._at_node[0]}
        return {self._of_node[b] for b in self._leaving[part]}
