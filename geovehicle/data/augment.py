"""Training samples: random views of labelled images at one ground sampling distance.

A sample is a pure function of its random generator, so that a run can be
repeated.  Labels stay honest under rotation: a horizontal box tells a vehicle's
own rectangle only where the vehicle lies along the axes, so views are turned
freely only where most vehicles do, or have a footprint, and the others become
ignore boxes.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from geovehicle.data.synthetic import render_scene
from geovehicle.data.views import (
    Vehicles,
    View,
    cut,
    labelled_vehicles,
    resample,
    type_numbers,
)
from geovehicle.footprints import rectangles_of
from geovehicle.settings import LONGEST_VEHICLE_M

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.data.coco import LabelledImage

MOSTLY = 0.6
"""Share of vehicles of known outline from which a view may be turned by any angle."""

SMALL_TURN = 8.0
"""Degrees by which any view may be turned: boxes stay within their labelling error."""

SYNTHETIC_MARGIN_M = LONGEST_VEHICLE_M / 2
"""Width of the rim that is rendered and cut off again: no vehicle that the view shows
has its centre beyond it."""

SEEDS = 2**31
"""Number of the seeds from 0 of which rendered views are drawn: no training sees others."""


def labelled_view(
    rng: np.random.Generator,
    image: LabelledImage,
    size: tuple[int, int],
    gsd: float,
    scales: tuple[float, float],
) -> View:
    """Return a random view of a labelled image: turned, mirrored, scaled and cut.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    image : LabelledImage
        What is looked at; what the view shows beyond its edge is black.
    size : tuple of int
        Width and height of the view, pixels.
    gsd : float
        Ground sampling distance at scale 1, metres.
    scales : tuple of float
        Range of the additional scale.
    """
    scale = image.gsd / gsd * np.exp(rng.uniform(*np.log(scales)))
    vehicles = labelled_vehicles(image)
    outlined = vehicles.outlined
    free = len(outlined) > 0 and outlined.mean() >= MOSTLY and rng.random() < 0.6
    turn = rng.uniform(-45.0, 45.0) if free else rng.uniform(-SMALL_TURN, SMALL_TURN)
    angle = np.radians(90.0 * rng.integers(4) + turn)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear[:, 0] *= rng.choice([-1.0, 1.0])
    offset = np.array(size) / 2 - linear @ _looked_at(rng, image, np.array(size) / scale)
    vehicles = vehicles.move(linear, offset)
    ignore = Vehicles.of_boxes(image.ignore).move(linear, offset).boxes
    if abs(turn) > SMALL_TURN:
        ignore = np.concatenate([ignore, vehicles.boxes[~outlined]])
        vehicles = vehicles.take(outlined)
    return cut(View(resample(image.read(), linear, offset, size), vehicles, ignore))


def plain_view(
    rng: np.random.Generator, image: LabelledImage, size: tuple[int, int], gsd: float
) -> View:
    """Return a part of a labelled image, mirrored or not, and whole where it fits.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    image : LabelledImage
        What is looked at.
    size : tuple of int
        Width and height of the view, pixels; black beyond the image.
    gsd : float
        Ground sampling distance of the view, metres.
    """
    linear = image.gsd / gsd * np.diag([rng.choice([-1.0, 1.0]), 1.0])
    reach = np.array([image.width, image.height]) @ linear
    slack = np.array(size) - np.abs(reach)
    offset = np.where(slack < 0, np.round(rng.uniform(size=2) * slack), 0.0) - reach.clip(max=0.0)
    vehicles = labelled_vehicles(image).move(linear, offset)
    ignore = Vehicles.of_boxes(image.ignore).move(linear, offset).boxes
    return cut(View(resample(image.read(), linear, offset, size), vehicles, ignore))


def synthetic_view(rng: np.random.Generator, size: tuple[int, int], gsd: float) -> View:
    """Return a rendered view, (width, height) pixels, with exact footprints.

    The scene is larger by a margin, as its truth leaves out vehicles whose centre
    is outside.
    """
    width, height = size
    margin = round(SYNTHETIC_MARGIN_M / gsd)
    scene = render_scene(int(rng.integers(SEEDS)), width + 2 * margin, height + 2 * margin, gsd)
    pixels = scene.pixels[:, margin : margin + height, margin : margin + width].transpose(1, 2, 0)
    enclosures = rectangles_of(scene.footprints)
    known = np.ones(len(enclosures), np.bool_)
    vehicles = Vehicles(scene.boxes, enclosures, known, type_numbers(scene.types))
    shifted = vehicles.shift((-margin, -margin))
    return cut(View(np.ascontiguousarray(pixels), shifted, np.empty((0, 4))))


def tile(views: list[View], split: tuple[int, int]) -> View:
    """Put four views together: top left, top right, bottom left, bottom right.

    `split` is the column and row at which they meet.
    """
    column, row = split
    offsets = [(0, 0), (column, 0), (0, row), (column, row)]
    top = np.concatenate([views[0].pixels, views[1].pixels], axis=1)
    bottom = np.concatenate([views[2].pixels, views[3].pixels], axis=1)
    placed = list(zip(views, offsets, strict=True))
    return View(
        np.concatenate([top, bottom], axis=0),
        Vehicles.concatenate([view.vehicles.shift(offset) for view, offset in placed]),
        np.concatenate([view.ignore + offset * 2 for view, offset in placed]),
    )


def change_colours(rng: np.random.Generator, view: View) -> View:
    """Change light and camera: contrast, colour, shadow, blur, noise and JPEG."""
    pixels = view.pixels.astype(np.float32) / 255.0
    if rng.random() < 0.3:
        pixels = _cast_shadow(rng, pixels)
    pixels = pixels ** np.exp(rng.normal(0.0, 0.25))
    gain = np.exp(rng.normal(0.0, 0.15) + rng.normal(0.0, 0.05, 3))
    pixels = (pixels - 0.5) * np.exp(rng.normal(0.0, 0.2)) + 0.5
    pixels = pixels * gain.astype(np.float32) + rng.normal(0.0, 0.05)
    grey = pixels.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.05 else np.exp(rng.normal(0.0, 0.3))
    pixels = grey + (pixels - grey) * saturation
    if rng.random() < 0.3:
        deviation = rng.uniform(0.0, 0.04)
        pixels = pixels + rng.standard_normal(pixels.shape, np.float32) * deviation
    image = Image.fromarray((pixels * 255).clip(0, 255).astype(np.uint8))
    return replace(view, pixels=np.asarray(_degrade(rng, image)))


def _looked_at(
    rng: np.random.Generator, image: LabelledImage, extent: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the image point at the view's centre: mostly near a vehicle, never far outside."""
    size = np.array([image.width, image.height], np.float64)
    if len(image.boxes) and rng.random() < 0.6:
        box = image.boxes[rng.integers(len(image.boxes))]
        point = (box[:2] + box[2:]) / 2 + rng.uniform(-0.4, 0.4, 2) * extent
    else:
        point = rng.uniform(0.0, size)
    margin = np.minimum(extent.max() * 0.45, size / 2)
    return np.asarray(np.clip(point, margin, size - margin), np.float64)


def _cast_shadow(rng: np.random.Generator, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Darken a random quadrilateral, as a building would: what is left is the sky's light."""
    height, width = pixels.shape[:2]
    centre = rng.uniform(0.0, 1.0, 2) * (width, height)
    corners = centre + rng.uniform(-0.5, 0.5, (4, 2)) * (width, height)
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4.0)))
    depth = rng.uniform(0.3, 0.75) - rng.uniform(0.0, 0.06) * np.arange(3, dtype=np.float32)
    cover = np.asarray(mask, np.float32)[..., None] / 255.0
    return np.asarray(pixels * (1.0 - cover * depth), np.float32)


def _degrade(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Lose detail as optics, resampling and compression do."""
    if rng.random() < 0.2:
        factor = rng.uniform(0.5, 0.9)
        small = image.resize((round(image.width * factor), round(image.height * factor)))
        image = small.resize(image.size, Image.Resampling.BILINEAR)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.4:
        memory = io.BytesIO()
        image.save(memory, "JPEG", quality=int(rng.integers(30, 96)))
        image = Image.open(memory)
        image.load()
    return image
