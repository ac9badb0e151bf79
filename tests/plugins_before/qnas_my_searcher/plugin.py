"""The hooks of qnas-my-searcher.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_searchers(register: qnas.Register) -> None:
    """Register the searcher."""
    register(
        "my-searcher",
        "qnas_my_searcher.searcher:MySearcher",
        "Random architectures, of which the cheapest is kept",
    )
