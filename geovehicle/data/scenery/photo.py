"""From flat colours to a photo: texture, sunlight, optics, sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geovehicle.data.scenery.canvas import Colour, Light

OCTAVES = ((0.08, 0.075), (0.22, 0.09), (0.7, 0.055), (3.0, 0.06), (14.0, 0.06))
"""Width of the bumps of the texture in metres, and their weight."""


def value_noise(
    rng: np.random.Generator, shape: tuple[int, int], cell: float
) -> NDArray[np.float32]:
    """Return smooth noise (H, W) of about unit variance, its bumps ``cell`` pixels wide."""
    if cell <= 1:
        return rng.standard_normal(shape, dtype=np.float32)
    rows, cols = (int(size / cell) + 3 for size in shape)
    coarse = Image.fromarray(rng.standard_normal((rows, cols), dtype=np.float32))
    box = (0.5, 0.5, 0.5 + shape[1] / cell, 0.5 + shape[0] / cell)
    smooth = coarse.resize(shape[::-1], Image.Resampling.BICUBIC, box=box)
    return np.asarray(smooth, dtype=np.float32) * np.float32(1.35)


def textured(
    rng: np.random.Generator, colours: NDArray[np.uint8], gsd: float
) -> NDArray[np.float32]:
    """Return the colours (H, W, 3) with texture, where the fourth band makes them rough."""
    shape = (colours.shape[0], colours.shape[1])
    rough = colours[..., 3] * np.float32(1 / 255)
    gain = np.zeros(shape, dtype=np.float32)
    for metres, weight in OCTAVES:
        gain += np.float32(weight) * value_noise(rng, shape, max(1.0, metres / gsd))
    gain *= rough
    gain += 1
    # grass and soil change colour, asphalt and paint hardly do
    hue = rough * rough * value_noise(rng, shape, max(1.0, 2.0 / gsd))
    result = colours[..., :3] * gain[..., None]
    result[..., 0] += 6 * hue
    result[..., 2] -= 3.5 * hue
    return result


def lit(
    picture: NDArray[np.float32], shadows: NDArray[np.uint8], light: Light, gsd: float
) -> NDArray[np.float32]:
    """Darken a picture (H, W, 3) in place where the shadows (H, W) are, and return it."""
    soft = Image.fromarray(shadows).filter(ImageFilter.GaussianBlur(light.penumbra / gsd))
    depth = np.asarray(soft) * np.float32(1 / 255)
    for band, remains in enumerate(light.shade):
        picture[..., band] *= 1 - depth * np.float32(1 - remains)
    return picture


@dataclass(frozen=True)
class Optics:
    """How the camera and the processing of the photo change the picture.

    Attributes
    ----------
    blur, sharpening
        Radius of the point spread in pixels; strength in percent of the unsharp mask.
    gain, offset, gamma
        Tone curve: gain and offset (grey levels) for each band, one exponent.
    noise
        Standard deviation of the sensor's noise in grey levels.
    """

    blur: float
    sharpening: int
    gain: Colour
    offset: Colour
    gamma: float
    noise: float

    def expose(self, rng: np.random.Generator, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the photo (3, H, W) of a lit scene (H, W, 3)."""
        np.clip(picture, 0, 255, out=picture)
        image = Image.fromarray(picture.astype(np.uint8)).point(self._tones())
        image = image.filter(ImageFilter.GaussianBlur(self.blur))
        if self.sharpening:
            image = image.filter(ImageFilter.UnsharpMask(1.2, self.sharpening, 0))
        grain = rng.standard_normal(picture.shape[:2], dtype=np.float32) * np.float32(self.noise)
        noisy = np.asarray(image).transpose(2, 0, 1) + np.rint(grain).astype(np.int16)
        return np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)

    def _tones(self) -> list[int]:
        curve = 255 * (np.arange(256) / 255) ** self.gamma
        bands = np.outer(self.gain, curve) + np.array(self.offset)[:, None]
        return [int(level) for level in np.clip(np.rint(bands), 0, 255).ravel()]
