"""What makes a raster look like something else than an orthophoto in red, green and blue.

Rules are conservative: they speak where something is wrong with near certainty, and let
much pass.  All of them look at metadata or at a few windows, never at the whole raster.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.doubts import Doubt
from geovehicle.errors import RasterError
from geovehicle.patches import PatchWindow
from geovehicle.settings import STRETCH_PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geovehicle.georeference import GeoGrid
    from geovehicle.raster.rasterio_source import RasterioSource
    from geovehicle.raster.source import Stretch

COARSEST = 3.0
"""Pixels of so many times the model's: at 0.25 m, of weights for 0.10 m, the clearest vehicles
are still found; a car of 0.30 m pixels is 6 x 15 of them."""

FINEST = 1 / 20
"""Finer than it are no orthophotos: 5 mm for 0.10 m.  Units are wrong more probably."""

CONTRADICTION = 0.10
"""A pixel size that is given may differ from the CRS's own by so much."""

LONGEST_PIXEL = 3.0
"""Pixels in degrees are twice as long as wide at 60 degrees north, and three times at 71."""

SKEW_DEGREES = 10.0
"""A grid of an orthophoto is square to a degree or so, in whatever CRS."""

OFF_NADIR_DEGREES = 15.0
"""Of the camera; beyond it vehicles show their sides."""

FLAT = 2
"""8-bit levels between the darkest and the brightest pixel of what shows nothing."""

INFRARED = re.compile(r"\bn?ir\b|near.?infra.?red|infra.?red|\bthermal\b", re.IGNORECASE)

_PITCH = re.compile(r"GimbalPitchDegree\W+([+-]?\d+(?:\.\d+)?)")

RED_SHARE, GREEN_SHARE = 0.12, 0.05
"""False colours have more than the one of red leaves, and less than the other of green ones.
Of 540 aerial images in true colours none has more than 0.04 that look like red leaves."""

RARE = 0.02
"""Share of the values from which on one of them is no chance."""

SQUEEZED = 0.1
"""Share of the stretch below which imagery has hardly any contrast: 25 of 256 levels."""

FEW = 16
"""Different values of a band: an image has hundreds."""

SAMPLES, MORE_SAMPLES = 5, 64
"""Windows that are looked at: at first, and where those show nothing."""

SAMPLE_SIDE = 256
"""Pixels a side of them."""


def doubts_about(
    source: RasterioSource, windows: Sequence[PatchWindow], chosen: bool
) -> tuple[Doubt, ...]:
    """Return what is doubtful about a raster.

    Parameters
    ----------
    source : RasterioSource
    windows : sequence of PatchWindow
        What is going to be searched, scene pixels; some pixels of some of them are looked at.
    chosen : bool
        Whether the user has chosen the bands, and so knows what they are.
    """
    sample = _sample(source, windows, SAMPLES)
    empty = flat(sample)
    if empty:  # it may be islands in the sea
        sample = _sample(source, windows, MORE_SAMPLES)
        empty = flat(sample)
    unseen = empty or source.stretch_doubt
    found = [
        scale(source.native_gsd, source.model_gsd),
        contradiction(source.native_grid.gsd, source.crs_gsd),
        skew(source.native_grid, source.native_gsd),
        oblique(source.metadata),
        unseen,
    ]
    if not chosen:
        found.append(called_infrared(source.names))
    if not (chosen or unseen or found[-1]):
        found.append(grey(sample) or false_colours(sample))
    return tuple(doubt for doubt in found if doubt)


def scale(native: tuple[float, float], model: float) -> Doubt | None:
    """Return a doubt where pixels are too coarse to show vehicles, or too fine to be true."""
    coarse, fine = max(native) / model, min(native) / model
    if coarse > COARSEST:
        return Doubt(
            "coarse",
            f"has pixels of {max(native):.3g} m, and the weights are made for {model:g} m: most"
            f" vehicles are lost beyond {COARSEST * model:g} m; take finer imagery, or add --gsd"
            " if the size is wrong",
        )
    if fine < FINEST:
        return Doubt(
            "fine",
            f"has pixels of {min(native):.3g} m, finer than any orthophoto; check its CRS, or add"
            " --gsd with the right size",
        )
    return None


def contradiction(
    given: tuple[float, float] | None, own: tuple[float, float] | None
) -> Doubt | None:
    """Return a doubt where the size of a pixel that is given is not that of the CRS."""
    if given is None or own is None:
        return None
    if all(abs(one / other - 1) <= CONTRADICTION for one, other in zip(given, own, strict=True)):
        return None
    size = f"{own[0]:.3g}" if math.isclose(*own, rel_tol=0.01) else f"{own[0]:.3g} x {own[1]:.3g}"
    return Doubt(
        "contradiction",
        f"has pixels of {size} m by its CRS, and --gsd says {given[0]:g} m, which is taken; leave"
        " out --gsd if the CRS is right",
    )


def skew(grid: GeoGrid, gsd: tuple[float, float]) -> Doubt | None:
    """Return a doubt where pixels are no squares, as those of an orthophoto are."""
    ratio = max(gsd) / min(gsd)
    if ratio > LONGEST_PIXEL:
        return Doubt(
            "long pixels",
            f"has pixels {ratio:.3g} times as long as wide; check its CRS and geotransform",
        )
    if not grid.located or grid.crs is None or grid.crs.is_geographic:
        return None
    a, b, _, d, e, _ = grid.transform[:6]
    cosine = (a * b + d * e) / (math.hypot(a, d) * math.hypot(b, e))
    angle = math.degrees(math.asin(min(1.0, abs(cosine))))
    if angle <= SKEW_DEGREES:
        return None
    return Doubt(
        "skew",
        f"has rows and columns that are {angle:.0f} degrees off a right angle; rectify it by"
        " gdalwarp",
    )


def oblique(metadata: str) -> Doubt | None:
    """Return a doubt where the camera's notes say that it did not look down.

    Parameters
    ----------
    metadata : str
        The XMP packet, as drones write it.
    """
    pitch = _PITCH.search(metadata)
    if pitch is None or abs(abs(float(pitch.group(1))) - 90) <= OFF_NADIR_DEGREES:
        return None
    return Doubt(
        "oblique",
        f"was taken {abs(abs(float(pitch.group(1))) - 90):.0f} degrees off the vertical, by its"
        " metadata; the weights know vehicles from above: take an orthophoto",
    )


def called_infrared(names: Sequence[str]) -> Doubt | None:
    """Return a doubt where the file itself calls a band infrared."""
    found = [name for name in names if INFRARED.search(name.replace("_", " "))]
    if not found:
        return None
    return Doubt(
        "infrared",
        f"has an infrared band ({found[0]}) among those that are searched; choose red, green and"
        " blue by --bands",
    )


def false_colours(sample: NDArray[np.uint8]) -> Doubt | None:
    """Return a doubt where vegetation seems to be red, as it is with near infrared first.

    Leaves reflect near infrared, red and green as 6 : 1 : 1.2.  Shown as red, green and blue,
    they are bright in the first band and not less in the third than in the second.  Red soil
    and roofs have less blue than green.

    Parameters
    ----------
    sample : ndarray of uint8, shape (3, N)
    """
    if not sample.size:
        return None
    red, green, blue = sample.astype(np.int16)
    leaves = (red > 60) & (red > 1.4 * np.maximum(green, blue)) & (blue >= green)
    grass = (green > red + 10) & (green > blue + 10)
    if leaves.mean() <= RED_SHARE or grass.mean() >= GREEN_SHARE:
        return None
    return Doubt(
        "false colours",
        f"looks like near infrared, red and green: {leaves.mean():.0%} of it are as red as leaves"
        " are there; choose red, green and blue by --bands",
    )


def grey(sample: NDArray[np.uint8]) -> Doubt | None:
    """Return a doubt where there are no colours at all, as in heights or panchromatic images."""
    if not sample.size or (np.ptp(sample, axis=0) > FLAT).any():
        return None
    return Doubt(
        "grey",
        "has no colours, and the weights know colour images; take those, or choose the band by"
        " --bands if that is what you mean",
    )


def flat(sample: NDArray[np.uint8]) -> Doubt | None:
    """Return a doubt where a raster, or a band of it, shows nothing."""
    if not sample.size:
        return None  # nothing valid in some windows; after the search it is known of all
    same = np.ptp(sample, axis=1) <= FLAT
    if same.all():
        return Doubt("empty", "looks empty: it has one colour wherever it was looked at")
    if same.any():
        band = ("first", "second", "third")[int(same.argmax())]
        return Doubt(
            "empty band",
            f"has the same value everywhere in the {band} of the bands that are searched; choose"
            " others by --bands",
        )
    return None


def odd_stretch(values: NDArray[np.number], stretch: Stretch) -> Doubt | None:
    """Return a doubt where a stretch to 8 bits leaves the imagery little to be seen by.

    Parameters
    ----------
    values : ndarray, shape (B, N)
        The values that it was estimated from.
    stretch : Stretch
    """
    for band, low, high in zip(values, stretch.low, stretch.high, strict=True):
        different = np.unique(band)
        if 1 < len(different) < FEW:
            return Doubt(
                "few values",
                f"has {len(different)} different values in a band; is it a map of classes?",
            )
        for fill in (different[:1], different[-1:]):
            others = band[band != fill]
            if not len(others) or len(others) > (1 - RARE) * len(band):
                continue
            darkest, brightest = np.percentile(others, STRETCH_PERCENTILES)
            if brightest - darkest < SQUEEZED * (high - low):
                return Doubt(
                    "fill",
                    f"has the value {fill[0]:g} in {1 - len(others) / len(band):.0%} of it, which"
                    f" leaves the others, {darkest:.6g} to {brightest:.6g}, hardly any contrast; if"
                    f" it stands for no data, say so by gdal_edit.py -a_nodata {fill[0]:g}",
                )
    return None


def _sample(
    source: RasterioSource, windows: Sequence[PatchWindow], count: int
) -> NDArray[np.uint8]:
    """Return the valid pixels, (3, N), in the middle of some windows, evenly spread."""
    chosen = {number * len(windows) // count for number in range(count)} if windows else set()
    found = [np.empty((3, 0), np.uint8)]
    for number in sorted(chosen):
        with suppress(RasterError):  # the search is going to tell, and when
            patch = source.read(_middle(windows[number]))
            found.append(patch.pixels[:, patch.valid])
    return np.concatenate(found, axis=1)


def _middle(window: PatchWindow) -> PatchWindow:
    width, height = min(window.width, SAMPLE_SIDE), min(window.height, SAMPLE_SIDE)
    left = window.col + (window.width - width) // 2
    top = window.row + (window.height - height) // 2
    return PatchWindow(left, top, width, height, (left, top, left + width, top + height))
