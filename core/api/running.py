"""``qnas.run`` and ``qnas.search``: runs from Python, as ``qnas run`` does them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qnas.core.api.data import as_data
from qnas.core.cli.terminal.progress import in_notebook, show_progress
from qnas.core.cli.tracking import tracking
from qnas.core.components import Dataset, Space
from qnas.core.errors import plainly
from qnas.core.files.folder import RunFolder
from qnas.core.registry import listening
from qnas.core.run.names import STAGES
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import EVERY_SECONDS
from qnas.core.run.resuming.stop import Stop, stop_on_signals
from qnas.core.run.run import run_spec
from qnas.core.run.to_run import folder_of, read_to_run
from qnas.core.spec import Overrides, Spec, SpecFile
from qnas.core.spec.document import Document
from qnas.core.spec.load import validate

Place = str | Path


@plainly
def run(
    spec: Spec | Place,
    folder: Place | None = None,
    *,
    overrides: Overrides = (),
    resume: bool = False,
    until: str = STAGES[-1],
    checkpoint_every: float = EVERY_SECONDS,
    trackers: Sequence[str] = (),
    progress: bool | None = None,
) -> RunRecord:
    """Search for a network, train it, evaluate it and write a report, as a spec says.

    Ctrl-C stops the run after the step that it is at, which is kept; ``resume=True`` goes on from there, and on a CPU
    ends with the same bytes as a run that was never stopped.

    Args:
        spec: The spec, or its file.
        folder: Where the run is kept; by default ``runs/<name of the spec>``.
        overrides: As for :func:`qnas.load_spec`, for a spec that is given by its file.
        resume: Go on with the run in the folder, if one has begun there; otherwise the folder must not exist.
        until: The last stage to do.
        checkpoint_every: Seconds between two checkpoints, 0 for one after every step.
        trackers: Names of trackers that follow it, such as ``tensorboard``.
        progress: Whether to show it; by default in a notebook only.

    Returns:
        The record of the run. In a notebook it shows its report; :func:`qnas.load` makes the found network of it.

    Raises:
        InputError: The spec, the folder, the device or the images can't be used.
        QnasError: The run failed.
        KeyboardInterrupt: It was stopped; the message says what is kept.
    """
    place = None if folder is None else Path(folder)
    file, where = _spec_and_folder(spec, place, overrides, resume)
    goes_on = resume and RunRecord(where).has_begun
    with tracking(trackers), _followed(progress) as stop, file.locate_errors():
        run_spec(file.spec, where, resume=goes_on, until=until, checkpoint_every=checkpoint_every, stop=stop)
    return RunRecord(where)


@plainly
def search(
    space: Space | str | Mapping[str, Any],
    images: Dataset | Place | Sequence[Place] | Mapping[str, Any],
    *,
    limits: Mapping[str, Any] | None = None,
    folder: Place | None = None,
    test: Mapping[str, Dataset | Place | Mapping[str, Any]] | None = None,
    resume: bool = False,
    progress: bool | None = None,
    **fields: Any,
) -> RunRecord:
    """Search a space for the best network within limits, and train it: :func:`qnas.run` of a spec made of arguments.

    Args:
        space: The space, its name, or what a spec says of it; :func:`qnas.open_module` makes one of a network.
        images: What to train on: a folder of images, several, a pack, or a data set as a spec says it.
        limits: The most that the found network may cost, such as ``{"bitops": "2G", "size": "20 kB"}``.
        folder: Where the run is kept; by default ``runs/<name>``.
        test: Test sets by name, each given as ``images`` is; by default the photographs of scikit-image.
        resume: As for :func:`qnas.run`.
        progress: As for :func:`qnas.run`.
        **fields: Other fields of the spec, such as ``scale=4`` and ``train={"steps": 2000}``.

    Raises:
        InputError: An argument is wrong, or no network of the space keeps to the limits.
        QnasError: The run failed.
        KeyboardInterrupt: It was stopped; the message says what is kept.
    """
    sets = {} if test is None else {"test": {name: as_data(of) for name, of in test.items()}}
    data = {**fields.pop("data", {}), "train": as_data(images), **sets}
    given = {"name": "search", **fields, "space": space, "data": data}
    if limits is not None:
        given["limits"] = dict(limits)
    return run(validate(Document(given, "qnas.search"), Spec), folder, resume=resume, progress=progress)


def _spec_and_folder(
    spec: Spec | Place, folder: Path | None, overrides: Overrides, resume: bool
) -> tuple[SpecFile, RunFolder]:
    if isinstance(spec, Spec):
        return SpecFile(spec, Document(None, f"the spec '{spec.name}'")), RunFolder(folder_of(folder, spec.name))
    return read_to_run(Path(spec), overrides, folder, resume=resume)


@contextlib.contextmanager
def _followed(progress: bool | None) -> Iterator[Stop]:
    if not (in_notebook() if progress is None else progress):
        with stop_on_signals(lambda _: None) as stop:
            yield stop
        return
    with show_progress() as shown, listening(shown), stop_on_signals(shown.announce) as stop:
        yield stop
