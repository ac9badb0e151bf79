"""How published sets lay out their folders: DIV2K, Flickr2K, Set5 and similar ones."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from qnas.plugins.datasets.naming import SCALES


class Form(NamedTuple):
    """A convention for naming folders.

    Attributes:
        kind: Name of the convention.
        hr: Pattern of the HR folder's name.
        lr: Where the LR folders are beside it; ``{set}`` stands for that group of ``hr``.
    """

    kind: str
    hr: re.Pattern[str]
    lr: tuple[str, ...]

    def lr_folders(self, root: Path) -> dict[int, Path]:
        """The LR folders that exist, by scale."""
        named = self.hr.fullmatch(root.name)
        groups = named.groupdict() if named else {}
        places = [(scale, root.parent / form.format(scale=scale, **groups)) for scale in SCALES for form in self.lr]
        return {scale: place for scale, place in reversed(places) if place.is_dir()}


FORMS: Final = (
    # DIV2K and Flickr2K, cut into pieces by BasicSR, and whole.
    Form(
        "SET_HR_sub, SET_LR_bicubic_sub/X4",
        re.compile(r"(?P<set>.+)_HR_sub"),
        ("{set}_LR_bicubic_sub/X{scale}", "{set}_LR_bicubic/X{scale}_sub"),
    ),
    Form("SET_HR, SET_LR_bicubic/X4", re.compile(r"(?P<set>.+)_HR"), ("{set}_LR_bicubic/X{scale}",)),
    # Set5, Set14 and others, as packed by EDSR and by BasicSR.
    Form("HR, LR_bicubic/X4", re.compile(r"HR"), ("LR_bicubic/X{scale}",)),
    Form("GTmod12, LRbicx4", re.compile(r"GTmod\d+"), ("LRbicx{scale}",)),
)


def form_of(folder: Path) -> Form | None:
    """The convention that an HR folder's name follows, if any."""
    return next((form for form in FORMS if form.hr.fullmatch(folder.name)), None)
