"""How published sets lay out their folders: DIV2K, Flickr2K, and Set5 and its like."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from qnas.plugins.datasets.naming import SCALES


class Form(NamedTuple):
    """A custom of naming folders.

    Attributes:
        kind: What it is called.
        hr: The name of the HR folder.
        lr: Where the LR folders are beside it; ``{set}`` stands for that group of ``hr``.
    """

    kind: str
    hr: re.Pattern[str]
    lr: tuple[str, ...]

    def lr_folders(self, root: Path) -> dict[int, Path]:
        """The LR folders that are there, by scale."""
        named = self.hr.fullmatch(root.name)
        groups = named.groupdict() if named else {}
        places = [(scale, root.parent / form.format(scale=scale, **groups)) for scale in SCALES for form in self.lr]
        return {scale: place for scale, place in reversed(places) if place.is_dir()}


FORMS: Final = (
    # Cut into pieces, as BasicSR does it, and whole: DIV2K, Flickr2K.
    Form(
        "SET_HR_sub, SET_LR_bicubic_sub/X4",
        re.compile(r"(?P<set>.+)_HR_sub"),
        ("{set}_LR_bicubic_sub/X{scale}", "{set}_LR_bicubic/X{scale}_sub"),
    ),
    Form("SET_HR, SET_LR_bicubic/X4", re.compile(r"(?P<set>.+)_HR"), ("{set}_LR_bicubic/X{scale}",)),
    # Set5, Set14 and others, as EDSR packed them, and as BasicSR did.
    Form("HR, LR_bicubic/X4", re.compile(r"HR"), ("LR_bicubic/X{scale}",)),
    Form("GTmod12, LRbicx4", re.compile(r"GTmod\d+"), ("LRbicx{scale}",)),
)


def form_of(folder: Path) -> Form | None:
    """The custom that names an HR folder so, if there is one."""
    return next((form for form in FORMS if form.hr.fullmatch(folder.name)), None)
