"""The hooks of qnas-evolution.

Every command of qnas imports them, so they import neither torch nor the searcher.
"""

import qnas


@qnas.hookimpl
def qnas_register_searchers(register: qnas.Register) -> None:
    """Register the searcher."""
    register(
        "evolution",
        "qnas_evolution.searcher:EvolutionarySearch",
        "Evolution of a population of networks by crossover and mutation",
    )
