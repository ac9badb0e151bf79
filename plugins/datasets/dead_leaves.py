"""Dead-leaves images: endless synthetic training data for super-resolution.

A dead-leaves image is what falls into view when opaque shapes of random place,
size and colour pile up on a plane.  Occlusion alone reproduces the statistics
that restoration networks live on: sharp edges at every orientation, T-junctions,
and, when sizes follow the power law p(r) ~ r^-3, the scale invariance of
photographs.  Textures within the leaves add the fine detail that flat shapes
lack.

Leaves are laid from the viewer backwards, the "perfect simulation" of Kendall and
Thoennes: a leaf that is hidden by those before it is never painted, the work ends as
soon as nothing shows through, and the result does not depend on where it began.

References:
    Kendall and Thoennes (1999), "Perfect simulation in stochastic geometry", Pattern
        Recognition 32.
    Lee, Mumford and Huang (2001), "Occlusion models for natural images: a
        statistical study of a scale-invariant dead leaves model", IJCV 41.
    Baradad, Wulff, Wang, Isola and Torralba (2021), "Learning to see by looking
        at noise", NeurIPS 34.
    Achddou, Gousseau and Ladjal (2021), "Synthetic images as a regularity prior
        for image restoration neural networks", SSVM.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]

# Sizes are in pixels, except for the largest, which is a share of the canvas.
RADIUS_MIN: Final = 1.5
RADIUS_MAX_SHARE: Final = 0.5
ASPECT_MAX: Final = 12.0
DISC_SHARE: Final = 0.35
# Half a pixel is the smallest half-width whose coverage still reaches one.
HALF_WIDTH_MIN: Final = 0.5

# Kinds of leaf, the bounds that split a uniform draw into them, and how a texture's
# swing compares with the difference between two leaves.
FLAT, SHADED, STRIPED, GRAINY = range(4)
TEXTURE_BOUNDS: Final = (0.2, 0.45, 0.6)
SWINGS: Final = (0.0, 0.6, 0.9, 0.5)
PERIOD_RANGE: Final = (2.5, 20.0)
NOISE_EXPONENTS: Final = (0.5, 1.0, 1.5)

# Spread of an image's mean colour, and of its leaves' colours about it, along OPPONENT's
# axes.
COLOUR_SPREAD: Final = (0.21, 0.07, 0.04)
MOOD_SPREAD: Final = (0.09, 0.05, 0.02)

# Largest share of its light that a pixel takes from each neighbour along an axis.
BLUR_MAX: Final = 0.16

# Anything that shows through less than this is lost in eight bits.
OPAQUE: Final = 1.0 / 512.0
# Leaves drawn at once: enough to cover most canvases, so that arrays pay off.
CHUNK: Final = 8192

# Light to dark, warm to cool, red to green: nearly the axes along which the colours of
# natural scenes are uncorrelated, in the order of falling variance.  The last two
# hardly touch luminance.
OPPONENT: Final[Field] = np.array([[1.0, 1.0, 1.0], [0.4, 0.0, -1.0], [0.9, -0.5, 0.2]])


class Leaf(NamedTuple):
    """Place and outline of one leaf, in pixels.

    Attributes:
        row: Row of the centre; it may lie off the canvas.
        column: Column of the centre.
        length: Half the length, or the radius of a disc.
        width: Half the width, or the radius of a disc.
        angle: Direction of the length, in radians.
        disc: Whether the outline is a disc and not a rectangle.
        reach: Distance from the centre beyond which the leaf has no coverage.
        top: First row of the canvas that the leaf can touch.
        left: First column of it.
        bottom: Row after the last.
        right: Column after the last.
    """

    row: float
    column: float
    length: float
    width: float
    angle: float
    disc: bool
    reach: float
    top: int
    left: int
    bottom: int
    right: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas that the leaf can touch."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Patch(NamedTuple):
    """Pixels of a leaf's bounding box, in the leaf's own coordinates.

    Attributes:
        along: Distances from the centre along the leaf.
        across: Distances from the centre across the leaf.
        reach: Distance from the centre to the furthest point of the leaf.
    """

    along: Field
    across: Field
    reach: float


class Scene(NamedTuple):
    """Properties that all leaves of one image share.

    Attributes:
        mood: RGB mean of the leaves' colours.
        noises: Noise fields of the canvas' size, one for each exponent.
    """

    mood: Field
    noises: tuple[Field, ...]


def dead_leaves(size: int, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One (size, size, 3) RGB image of textured leaves that hide one another.

    The occlusion model is that of Lee, Mumford and Huang (2001); textured leaves
    follow Baradad et al. (2021), their use for restoration Achddou et al. (2021).

    Args:
        size: Rows and columns of the image.
        generator: Source of all randomness; equal states give equal images.

    Returns:
        The image, covered entirely by leaves.
    """
    scene = _scene(size, generator)
    canvas = np.zeros((size, size, 3))
    unseen = np.ones((size, size))
    for leaf in _visible_leaves(unseen, generator):
        box, patch = leaf.box, _patch(leaf)
        share = unseen[box] * _coverage(leaf, patch)
        canvas[box] += share[..., None] * _paint(patch, scene, generator)
        unseen[box] -= share
    canvas = _blur(canvas, BLUR_MAX * generator.random())
    return np.rint(255.0 * np.clip(canvas, 0.0, 1.0)).astype(np.uint8)


def _scene(size: int, generator: np.random.Generator) -> Scene:
    """Draw the properties that the leaves of one image share."""
    mood = 0.45 + (MOOD_SPREAD * generator.standard_normal(3)) @ OPPONENT
    noises = tuple(_noise(size, power, generator) for power in NOISE_EXPONENTS)
    return Scene(mood, noises)


def _noise(size: int, exponent: float, generator: np.random.Generator) -> Field:
    """Gaussian noise of unit variance whose amplitude spectrum is 1/f^exponent.

    Baradad et al. (2021) learn from such spectra, which photographs share.
    """
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf  # The mean belongs to the leaf's colour.
    white = np.fft.rfft2(generator.standard_normal((size, size)))
    field: Field = np.fft.irfft2(white * frequency**-exponent, s=(size, size))
    return field / max(float(field.std()), 1e-12)


def _visible_leaves(unseen: Field, generator: np.random.Generator) -> Iterator[Leaf]:
    """Yield the leaves that are not yet hidden, from the viewer backwards.

    Args:
        unseen: Share of every pixel that still shows through; the caller reduces
            it after each leaf, and the leaves end once nothing is left.
        generator: Source of randomness.

    Yields:
        Leaves that may be visible in at least one pixel.
    """
    size = unseen.shape[0]
    while unseen.max() > OPAQUE:
        for leaf in _leaves_on_canvas(size, generator):
            if unseen[leaf.box].max() > OPAQUE:
                yield leaf


def _leaves_on_canvas(size: int, generator: np.random.Generator) -> Iterator[Leaf]:
    """Yield the leaves of one chunk whose bounding box meets the canvas.

    Centres are uniform over the canvas and a margin as wide as the longest leaf:
    without it, leaves would be rarer at the border than within.
    """
    lengths, widths, discs = _outlines(size, generator)
    reaches = np.where(discs, lengths, np.hypot(lengths, widths)) + 0.5
    margin = float(reaches.max())
    centres = generator.uniform(-margin, size - 1 + margin, (2, CHUNK))
    angles = generator.uniform(0.0, np.pi, CHUNK)
    starts = np.maximum(np.ceil(centres - reaches), 0).astype(np.int64)
    stops = np.minimum(np.floor(centres + reaches) + 1, size).astype(np.int64)
    fields = (*centres, lengths, widths, angles, discs, reaches, *starts, *stops)
    near = (starts < stops).all(axis=0)
    # Plain Python numbers make the many small steps per leaf much faster.
    for values in zip(*(field[near].tolist() for field in fields), strict=True):
        yield Leaf(*values)


def _outlines(size: int, generator: np.random.Generator) -> tuple[Field, Field, npt.NDArray[np.bool_]]:
    """Draw half-lengths, half-widths and whether they are discs, for one chunk."""
    radii = _power_law_radii(RADIUS_MIN, max(RADIUS_MAX_SHARE * size, 2.0 * RADIUS_MIN), generator)
    discs = generator.random(CHUNK) < DISC_SHARE
    # Stretching keeps the area, so that rectangles obey the law of sizes too.
    stretch = np.where(discs, 1.0, ASPECT_MAX ** (0.5 * generator.random(CHUNK)))
    return radii * stretch, np.maximum(radii / stretch, HALF_WIDTH_MIN), discs


def _power_law_radii(smallest: float, largest: float, generator: np.random.Generator) -> Field:
    """Draw a chunk of radii with density proportional to r^-3.

    Only this power makes images look alike at all scales (Lee, Mumford and Huang,
    2001); the limits keep it integrable.
    """
    low, high = smallest**-2.0, largest**-2.0
    radii: Field = (low - (low - high) * generator.random(CHUNK)) ** -0.5
    return radii


def _patch(leaf: Leaf) -> Patch:
    """Convert the pixels of a leaf's bounding box to the leaf's own coordinates."""
    rows = np.arange(leaf.top, leaf.bottom)[:, None] - leaf.row
    columns = np.arange(leaf.left, leaf.right)[None, :] - leaf.column
    cosine, sine = math.cos(leaf.angle), math.sin(leaf.angle)
    along = cosine * columns + sine * rows
    return Patch(along, cosine * rows - sine * columns, leaf.reach)


def _coverage(leaf: Leaf, patch: Patch) -> Field:
    """Share of every pixel that the leaf covers, from the distance to its outline."""
    if leaf.disc:
        distance = np.hypot(patch.along, patch.across) - leaf.length
    else:
        sides = np.abs(patch.along) - leaf.length, np.abs(patch.across) - leaf.width
        distance = np.maximum(*sides)
    return np.clip(0.5 - distance, 0.0, 1.0)


def _colour(mean: Field, generator: np.random.Generator) -> Field:
    """Draw an RGB colour: mostly light and dark, a little chroma, about a mean."""
    colour: Field = mean + (COLOUR_SPREAD * generator.standard_normal(3)) @ OPPONENT
    return np.clip(colour, 0.02, 0.98)


def _paint(patch: Patch, scene: Scene, generator: np.random.Generator) -> Field:
    """Colours of a leaf's pixels: a mean, and a texture that swings about it.

    The swing points at another colour of the same law, so most of it is luminance,
    as under uneven light, and some of it chroma, as on patterned surfaces.
    """
    mean = _colour(scene.mood, generator)
    kind = int(np.searchsorted(TEXTURE_BOUNDS, generator.random(), side="right"))
    if kind == FLAT:
        return mean
    if kind == SHADED:
        texture = _shade(patch, generator)
    elif kind == STRIPED:
        texture = _stripes(patch, generator)
    else:
        texture = _grain(patch, scene, generator)
    swing = generator.random() * (_colour(mean, generator) - mean)
    return mean + texture[..., None] * (SWINGS[kind] * swing)


def _shade(patch: Patch, generator: np.random.Generator) -> Field:
    """Linear gradient from -1 to 1 over the leaf, in a random direction."""
    return _ramp(patch, generator) / patch.reach


def _stripes(patch: Patch, generator: np.random.Generator) -> Field:
    """Grating between -1 and 1 of random direction, period, phase and sharpness."""
    shortest, longest = PERIOD_RANGE
    period = shortest * (longest / shortest) ** generator.random()
    phase = generator.uniform(0.0, 2.0 * np.pi)
    wave = np.sin((2.0 * np.pi / period) * _ramp(patch, generator) + phase)
    # Clipping a steeper wave gives stripes; their edges, like those of the leaves,
    # must stay a pixel wide, or they would alias.
    steepest = max(period / np.pi, 1.0)
    stripes: Field = np.clip(wave * steepest ** generator.random(), -1.0, 1.0)
    return stripes


def _ramp(patch: Patch, generator: np.random.Generator) -> Field:
    """Distance from the leaf's centre along a random direction."""
    angle = generator.uniform(0.0, 2.0 * np.pi)
    ramp: Field = math.cos(angle) * patch.along + math.sin(angle) * patch.across
    return ramp


def _grain(patch: Patch, scene: Scene, generator: np.random.Generator) -> Field:
    """Cut-out of one of the image's noise fields, of unit variance over the field.

    Filtering noise for every leaf would take most of the time; windows at random
    places of a few fields look just as different.
    """
    noise = scene.noises[generator.integers(len(scene.noises))]
    rows, columns = patch.along.shape
    top = generator.integers(noise.shape[0] - rows + 1)
    left = generator.integers(noise.shape[1] - columns + 1)
    return noise[top : top + rows, left : left + columns]


def _blur(canvas: Field, share: float) -> Field:
    """Spread light slightly to the neighbours, as a camera's optics do.

    Coverage alone is the response of ideal square pixels, whose edges are crisper
    than those of photographs; how much so differs from camera to camera.

    Args:
        canvas: Image of three channels.
        share: Share of its light that a pixel takes from each neighbour along an axis.

    Returns:
        The blurred image.
    """
    kept = 1.0 - 2.0 * share
    padded = np.pad(canvas, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = kept * padded[1:-1] + share * (padded[:-2] + padded[2:])
    blurred: Field = kept * rows[:, 1:-1] + share * (rows[:, :-2] + rows[:, 2:])
    return blurred
