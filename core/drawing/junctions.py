"""Junctions: places where lines meet, so that many to many take no line for each pair."""

from collections.abc import Collection

from qnas.core.drawing.slot_graph import Edge


def with_junctions(count: int, edges: Collection[Edge]) -> tuple[list[int | None], set[Edge]]:
    """The rows, and the edges between them: where several nodes all feed the same several, the lines meet between.

    A row has the number of its node, or None where lines meet.
    """
    sources: dict[int, set[int]] = {node: set() for node in range(count)}
    for start, end in edges:
        sources[end].add(start)
    readers: dict[frozenset[int], list[int]] = {}
    for node, feeding in sources.items():
        readers.setdefault(frozenset(feeding), []).append(node)
    rows: list[int | None] = []
    row_of: dict[int, int] = {}
    junctions: dict[frozenset[int], int] = {}
    joined: set[Edge] = set()
    for node, feeding in sources.items():
        key = frozenset(feeding)
        if len(key) > 1 and len(readers[key]) > 1 and key not in junctions:
            junctions[key] = len(rows)
            joined |= {(row_of[source], len(rows)) for source in key}
            rows.append(None)
        row_of[node] = len(rows)
        before = [junctions[key]] if key in junctions else [row_of[source] for source in key]
        joined |= {(start, len(rows)) for start in before}
        rows.append(node)
    return rows, joined
