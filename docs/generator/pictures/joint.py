"""A joint: a sum between slots, in float and in integers."""

from .canvas import WIDTH, Canvas

_BITS = 8
_ROW = 150
_ABOUT = "A slot, a sum with a bypass around it, and another slot: in float above, in integers below"


def joint() -> str:
    """The picture."""
    canvas = Canvas(2 * _ROW + 44, _ABOUT)
    _row(canvas, 0, "open joints: float between the slots", None)
    _row(canvas, _ROW, f"filled joints: {_BITS}-bit integers are what passes", _BITS)
    canvas.path(f"M24 {2 * _ROW + 18}h36", "integers")
    canvas.text(68, 2 * _ROW + 23, f"on a grid of {_BITS} bits", "small")
    canvas.path(f"M240 {2 * _ROW + 18}h36", "line")
    canvas.text(284, 2 * _ROW + 23, "on no grid yet", "small")
    return canvas.svg()


def _row(canvas: Canvas, top: int, title: str, bits: int | None) -> None:
    """The same piece of a network, with its joints open or filled."""
    y, behind = top + 104, "line" if bits is None else "integers"
    canvas.text(20, top + 34, title, "strong")
    canvas.path(f"M40 {y}C40 {y - 52} 60 {y - 52} 90 {y - 52}H170C220 {y - 52} 230 {y - 40} 237 {y - 12}", behind)
    canvas.arrow(20, y, 72, behind)
    canvas.path(f"M136 {y}H176M249 {y}H296M420 {y}H{WIDTH - 16}")
    canvas.arrow(176, y, 225, behind)
    canvas.arrow(296, y, 356, behind)
    canvas.circle(237, y, 12, "slot")
    canvas.text(237, y + 6, "+", anchor="middle")
    for x in (72, 356):
        canvas.box(x, y - 22, 64, 44, "slot")
        canvas.text(x + 32, y + 5, "slot", anchor="middle")
    for x in (176, 296):
        _joint(canvas, x, y, bits)
        canvas.text(x, y + 34, "joint", "small", "middle")


def _joint(canvas: Canvas, x: float, y: float, bits: int | None) -> None:
    if bits is None:
        canvas.circle(x, y, 8, "slot")
    else:
        canvas.bits(x, y, bits)
