"""Every hook that a plugin can implement, on one page.

A plugin is a module (or object) that an installed distribution names in its ``qnas`` entry points:

    [project.entry-points.qnas]
    ghost = "qnas_ghost.plugin"

It implements any of these with ``@qnas.hookimpl``. Each ``qnas_register_*`` hook receives ``register``:

    register("ghost", "qnas_ghost.space:GhostSpace", "Ghost modules for SR")

with the component's name, where its class is (imported only when it is used; or the class itself, where it is at hand),
a summary in one line, and, as keyword arguments, field values that differ from the class's defaults (so one class can
have several names). A single file with such hooks is a plugin too: a spec names it in ``plugins``.

``QNAS_API = 1`` in its module says which version of hooks and interfaces it is written for (``qnas.API_VERSION``); one
that needs another is not loaded, and ``qnas doctor`` says what to upgrade.

The other hooks follow a run. An implementation takes only the arguments that it needs. If it raises, there is a
warning, and the plugin is not called again in that stage: it can't break a run that does not need it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qnas.core.registry.kinds import BY_NAME, Kind
from qnas.core.registry.markers import hookspec

if TYPE_CHECKING:
    from qnas.core.files.folder import RunFolder
    from qnas.core.registry.registry import Register


def _registering(kind: Kind) -> Callable[..., None]:
    """The hook that registers components of a kind."""

    def hook(register: "Register") -> None: ...

    hook.__name__ = hook.__qualname__ = kind.hook
    hook.__doc__ = f"Register {kind.summary} (``qnas.{kind.interface}``)."
    return hookspec(hook)


globals().update({kind.hook: _registering(kind) for kind in BY_NAME.values()})


@hookspec
def qnas_register_trackers(register: "Register") -> None:
    """Register trackers (``qnas.Tracker``), which ``qnas run --tracker NAME`` switches on."""


@hookspec
def qnas_register_models(register: "Register") -> None:
    """Register models (``qnas.Model``), found networks that ``qnas upscale NAME`` and others take by name."""


@hookspec
def qnas_stage_began(folder: "RunFolder", stage: str, steps: int) -> None:
    """A stage of a run begins; ``steps`` is how many it will take (0 where it does not count any).

    Stages are ``data`` (images are loaded; the run has no folder on the disk yet), ``search``, ``derive``, ``float``
    (where a network in float is needed), ``train``, ``evaluate``, ``baselines`` and ``export`` (where the spec names
    any) and ``report``. One that was stopped begins again when the run is resumed; if it goes on from a checkpoint,
    ``qnas_stage_resumed`` follows.
    """


@hookspec
def qnas_stage_resumed(folder: "RunFolder", stage: str, step: int) -> None:
    """A stage that was stopped continues after ``step``: ``qnas_step`` is called for the next step first."""


@hookspec
def qnas_step(folder: "RunFolder", stage: str, step: int, metrics: Mapping[str, Any]) -> None:
    """A step was taken; ``metrics`` holds what is known after it.

    In ``data`` it holds ``set`` and ``of`` (how many images the set has), in ``export`` the same for each target, in
    ``evaluate`` the ``psnr`` of an image. In ``search`` and ``train`` it holds the ``loss``; after a validation, the
    mean ``loss`` since the last one and ``psnr``. Where the loss is a sum, ``losses`` holds its weighted parts by name.
    A searcher may add ``objective``, ``entropy``, ``probabilities``, and the expected value of each cost by its name.
    ``loss`` and its parts may be tensors: turn them into numbers only when you need them, as that waits for the device.
    At step 0, before any is taken, ``warm_start`` says how much of a warm start is done. In ``baselines`` it holds what
    the training of a baseline reports, which ``baseline`` names; steps are counted over all of them. So they are at the
    end of ``search``, where ``judged`` names the network that is tuned to be judged, and ``of`` is their number.

    After a validation there may also be what no history keeps: in ``search``, ``alpha`` (every slot to the parameters
    of its candidates), and in ``train``, ``images`` (pairs of a held-out ``qnas.ImagePair`` and what the network makes
    of its LR image, (H, W, 3) of uint8). Where these options of the training are used, ``learning_rate`` and ``patch``
    are those of the step.
    """


@hookspec
def qnas_stage_ended(folder: "RunFolder", stage: str, result: Mapping[str, Any]) -> None:
    """A stage ended; its result is in the run's folder (``data`` has none)."""
