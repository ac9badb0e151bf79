"""The search keeps its contract, and what it does is what its docstring says."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import qnas.testing

from qnas_evolution import genome as genomes
from qnas_evolution.genome import Genes

PACKAGE = Path(genomes.__file__).parent


class Task:
    """A task of three slots, two of which share a choice."""

    candidates: ClassVar = {"a": ["a0", "a1", "a2"], "b": ["b0", "b1"], "c": ["a0", "a1", "a2"]}
    leaders: ClassVar = [0, 1, 0]


@pytest.fixture
def genes() -> Genes:
    return Genes(Task())  # type: ignore[arg-type]


@pytest.mark.parametrize("fitness", ["trained", "inherited"])
def test_it_keeps_the_contract(fitness: str) -> None:
    small = {"population": 3, "generations": 2, "steps": 2, "batch": 2, "fitness": fitness}
    qnas.testing.check_searcher({"name": "evolution", **small})


def test_it_imports_qnas_only() -> None:
    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert {name for name in imported if name.partition(".")[0] == "qnas"} == {"qnas"}


def test_slots_that_share_a_choice_have_one_gene(genes: Genes) -> None:
    assert genes.sizes == [3, 2]
    network: Mapping[str, object] = genes.network((2, 1))
    assert network == {"a": "a2", "b": "b1", "c": "a2"}


def test_a_child_has_each_gene_from_a_parent(genes: Genes) -> None:
    children = {genes.cross((0, 0), (2, 1), np.random.default_rng(seed)) for seed in range(50)}
    assert children == {(0, 0), (0, 1), (2, 0), (2, 1)}


def test_a_mutation_draws_one_gene_again_at_least(genes: Genes) -> None:
    children = [genes.mutate((0, 0), 0.0, np.random.default_rng(seed)) for seed in range(200)]
    assert {sum(child[gene] != 0 for gene in range(2)) for child in children} == {0, 1}
    assert {child[0] for child in children} == {0, 1, 2}
    everything = [genes.mutate((0, 0), 1.0, np.random.default_rng(seed)) for seed in range(200)]
    assert (2, 1) in everything
