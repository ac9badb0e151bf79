"""The beginning of a run: its folder, with its first files, or nothing."""

import os
import shutil
from collections.abc import Callable

from qnas.core.files.atomic import make_folder, sync_folder
from qnas.core.files.folder import RunFolder
from qnas.core.run.resuming.kept_files import keep_files
from qnas.core.run.resuming.kept_spec import keep_spec
from qnas.core.spec import Spec


def make_run(folder: RunFolder, spec: Spec, write: Callable[[RunFolder], object]) -> None:
    """Make the folder with its first files, or nothing: a folder that is there has a run that can be resumed.

    Args:
        folder: The run's.
        spec: The run's.
        write: Writes what else it begins with.

    Raises:
        InputError: The folder exists, or can't be made.
    """
    aside = RunFolder(folder.path.with_name(f".{folder.path.name}.{os.getpid()}"))
    try:
        keep_spec(aside, spec)
        write(aside)
        keep_files(spec, aside.path)
        folder.refuse_existing()  # meanwhile, another may have made it
        aside.path.rename(folder.path)
        sync_folder(folder.path.parent)
    except BaseException as error:
        shutil.rmtree(aside.path, ignore_errors=True)
        if isinstance(error, OSError):
            error.filename = str(error.filename).replace(str(aside.path), str(folder.path))  # the user knows no other
        raise


def make_run_within(folder: RunFolder, spec: Spec, write: Callable[[RunFolder], object]) -> None:
    """The same for a run in the folder of another, in which no other process is at work.

    What a process left that was killed while it made this folder is removed.
    """
    make_folder(folder.path.parent)
    for left in folder.path.parent.glob(f".{folder.path.name}.*"):
        shutil.rmtree(left)
    make_run(folder, spec, write)
