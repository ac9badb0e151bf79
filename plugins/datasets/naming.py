"""What names say about images: HR or LR, and the scale."""

import re
import unicodedata
from typing import Final, Literal, NamedTuple

Kind = Literal["hr", "lr", ""]

SCALES: Final = range(2, 17)
_BETWEEN: Final = r"[_\-. ]"
_SCALE: Final = r"(?:x(?P<times>\d{1,2})[mdw]?|(?P<fold>\d{1,2})x)"  # DIV2K has 0001x4m, 0001x4d and 0001x4w
_WORDS: Final = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_QUALIFIER: Final = re.compile(
    rf"bic|bicubic|unknown|mild|difficult|wild|sub|train|training|valid|validation|val|test|\d+|{_SCALE}"
)
# Words of a folder's name, joined by '-': these count anywhere in it, those below only if they are the whole name.
_HR: Final = re.compile(
    r"(hr|hq|gt)(mod\d+)?(x\d+|\d+x)?|high-?res(olution)?|high-?quality|ground-?truth", re.IGNORECASE
)
_LR: Final = re.compile(
    r"(lr|lq)(bic|bicubic|unknown|mild|difficult|wild)?(x\d+|\d+x)?|low-?res(olution)?|low-?quality", re.IGNORECASE
)
_MAYBE_HR: Final = re.compile(r"high|originals?|orig|targets?|clean|sharp|labels?", re.IGNORECASE)
_MAYBE_LR: Final = re.compile(
    r"low|inputs?|small|blur|blurred|blurry|noisy|degraded|bicubic|down(scaled|sampled)?", re.IGNORECASE
)
# In names of files.
_FILE_WORDS: Final = {
    "hr": "hr|hq|gt|high|high[-_]?res|original|orig",
    "lr": "lr|lq|low|low[-_]?res|small|bicubic|bic",
}
SURE: Final = re.compile(r"hr|hq|gt|lr|lq|(high|low)[-_]?res", re.IGNORECASE)
_ENDS: Final = {
    kind: re.compile(rf"(?P<base>.+?)(?:{_BETWEEN}+(?P<word>{words})|(?<=[a-z0-9])(?P<glued>{glued}))")
    for kind, words, glued in (
        ("hr", f"(?i:{_FILE_WORDS['hr']})", "HR|HQ|GT"),
        ("lr", f"(?i:{_FILE_WORDS['lr']})", "LR|LQ"),
    )
}
_STARTS: Final = {
    kind: re.compile(rf"(?P<word>{words}){_BETWEEN}+(?P<base>.+)", re.IGNORECASE) for kind, words in _FILE_WORDS.items()
}
_SCALE_APART: Final = re.compile(rf"(?P<base>.+?){_BETWEEN}+{_SCALE}", re.IGNORECASE)
_SCALE_END: Final = re.compile(rf"(?P<base>.+?){_BETWEEN}*{_SCALE}", re.IGNORECASE)


class Reading(NamedTuple):
    """What the name of a file says.

    Attributes:
        base: The rest of the name, the same for an HR image and its LR images, however they are written.
        kind: HR or LR, if the name says so.
        scale: The scale, if the name says it.
        is_sure: Whether the word for HR or LR hardly means anything else.
    """

    base: str
    kind: Kind
    scale: int | None
    is_sure: bool


def read_stem(stem: str) -> Reading:
    """What the name of an image file says, without suffix and folders: ``img_LRx4`` is ``img``, LR, scale 4."""
    base, scale = _without_scale(stem)
    base, kind, word = _without_word(base)
    if kind and scale is None:
        base, scale = _without_scale(base, apart=True)
    return Reading(alike(base), kind, scale, SURE.fullmatch(word) is not None)


def without_word(stem: str) -> str:
    """The name of a file without a word for HR or LR, normalized by :func:`alike`."""
    return alike(_without_word(stem)[0])


def alike(text: str) -> str:
    """``text`` normalized, so that names which file systems may confuse are equal: by case or Unicode form."""
    return unicodedata.normalize("NFC", text).casefold()


def _without_scale(stem: str, *, apart: bool = False) -> tuple[str, int | None]:
    found = (_SCALE_APART if apart else _SCALE_END).fullmatch(stem)
    scale = _number(found) if found else None
    return (found["base"], scale) if found and scale else (stem, None)


def _without_word(stem: str) -> tuple[str, Kind, str]:
    kinds: tuple[Kind, Kind] = ("lr", "hr")
    for kind in kinds:
        if found := _ENDS[kind].fullmatch(stem):
            return found["base"], kind, found["word"] or found["glued"]
    for kind in kinds:
        if found := _STARTS[kind].fullmatch(stem):
            return found["base"], kind, found["word"]
    return stem, "", ""


def folder_kind(name: str) -> Kind:
    """HR or LR, if the name of a folder says that it holds these: ``DIV2K_train_HR``, ``lr_x4``, ``LRbicx4``."""
    ends = {
        "-".join(part)
        for words in (_words(name), _words(name.lower()))
        for count in (1, 2)
        for part in (words[:count], words[-count:])
        if len(part) == count
    }
    kinds: list[tuple[Kind, re.Pattern[str]]] = [("lr", _LR), ("hr", _HR)]
    return next((kind for kind, pattern in kinds if any(map(pattern.fullmatch, ends))), "")


def _words(name: str) -> list[str]:
    """The words of a name, without those at its end that say how images were reduced or what they are for."""
    words = [word for word in _WORDS.split(name) if word]
    while words and _QUALIFIER.fullmatch(words[-1].lower()):
        words.pop()
    return words


def maybe_kind(name: str) -> Kind:
    """HR or LR for a vague name, which counts only beside a folder of the other kind: ``high``, ``low``."""
    words = "-".join(_words(name))
    if _MAYBE_HR.fullmatch(words):
        return "hr"
    is_scale = not words and folder_scale(name) is not None
    return "lr" if is_scale or _MAYBE_LR.fullmatch(words) or name.lower() == "bicubic" else ""


def folder_scale(name: str) -> int | None:
    """The scale in the name of a folder: 4 for ``X4``, ``LR_x4``, ``LRbicx4``, ``4x``."""
    for word in reversed(_WORDS.split(name.lower())):
        found = re.fullmatch(rf"[a-z]*?{_SCALE}", word)
        if found and (scale := _number(found)):
            return scale
    return None


def _number(found: re.Match[str]) -> int | None:
    scale = int(found["times"] or found["fold"])
    return scale if scale in SCALES else None
