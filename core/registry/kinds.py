"""The kinds of components, each declared here and nowhere else.

Hooks, registries, commands, the reference and the contracts are made of this list. A new kind also needs its interface
(a name of ``qnas``), a folder of plugins, a contract in ``qnas.testing``, a template and a tutorial.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of component.

    Attributes:
        name: In the singular.
        summary: What its components are, in one line.
        interface: The name that its interface has in the package ``qnas``.
        title: In the plural, as people read it.
        in_specs: Whether specs name its components.
    """

    name: str
    summary: str
    interface: str = ""
    title: str = ""
    in_specs: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "interface", self.interface or self.name.capitalize())
        object.__setattr__(self, "title", self.title or self.plural.capitalize())

    @property
    def plural(self) -> str:
        """In the plural, as in hooks and commands."""
        return plural_of(self.name)

    @property
    def hook(self) -> str:
        """The hook that registers components of this kind."""
        return f"qnas_register_{self.plural}"


def plural_of(kind: str) -> str:
    """The plural of a kind's name.

    >>> plural_of("space"), plural_of("loss")
    ('spaces', 'losses')
    """
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


_ALL = (
    Kind("space", "search spaces"),
    Kind("block", "blocks, which the bodies of networks are composed of"),
    Kind("operation", "operations, the candidates of a slot"),
    Kind("quantizer", "quantizers"),
    Kind("residual", "residual connections"),
    Kind("regularizer", "regularizers of the search"),
    Kind("cost", "costs"),
    Kind("loss", "losses, what training and the search minimize"),
    Kind("dataset", "data sets", title="Data sets"),
    Kind("degradation", "degradations, which make LR images of HR ones"),
    Kind("searcher", "searchers"),
    Kind("target", "targets, the runtimes that a found network is exported to"),
    Kind("report", "reports"),
    Kind("launcher", "launchers, which start the runs of a sweep", in_specs=False),
)
BY_NAME = {kind.name: kind for kind in _ALL}
KINDS = tuple(BY_NAME)
"""Their names, in the order in which they are listed."""
