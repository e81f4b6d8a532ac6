"""Which views a training sees: balanced over sources and scenes, and reproducible."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from geovehicle.data.augment import (
    change_colours,
    labelled_view,
    plain_view,
    synthetic_view,
    tile,
)
from geovehicle.data.paste import paste

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geovehicle.data.coco import LabelledImage
    from geovehicle.data.views import View
    from geovehicle.settings import TrainSettings

Sample = tuple[Tensor, dict[str, Tensor]]

TILE_SHARE = (0.35, 0.65)
"""Range in which the four views of a tiled crop meet, as a share of its side."""


FILLED = 0.8
"""Images whose shorter side is less than this of a crop's are shown among others only."""


class BalancedSampler:
    """Draws images so that neither a long film nor a large source drowns the others.

    A source is drawn with a chance proportional to the square root of its number
    of scenes, then a scene and an image within it uniformly.
    """

    def __init__(self, images: Sequence[LabelledImage]) -> None:
        scenes: dict[str, dict[str, list[LabelledImage]]] = defaultdict(lambda: defaultdict(list))
        for image in images:
            scenes[image.source][image.scene].append(image)
        self._sources = [list(by_scene.values()) for by_scene in scenes.values()]
        weights = np.sqrt([len(by_scene) for by_scene in self._sources])
        self._chances = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> LabelledImage:
        """Return one image."""
        source = self._sources[rng.choice(len(self._sources), p=self._chances)]
        scene = source[rng.integers(len(source))]
        return scene[rng.integers(len(scene))]


class TrainingCrops(Dataset[Sample]):
    """Crop number `i` of a run, whichever process asks for it and when.

    Every crop has a generator seeded by the run's seed and its own number, so
    that the order of workers does not matter.
    """

    def __init__(self, images: Sequence[LabelledImage], settings: TrainSettings) -> None:
        self._sampler = BalancedSampler(images)
        self._settings = settings

    def __len__(self) -> int:
        """Return the number of crops of the whole run."""
        return self._settings.iterations * self._settings.batch

    def __getitem__(self, index: int) -> Sample:
        """Return the image (3, H, W), float32 in [0, 1], and its target.

        The target holds ``boxes`` (N, 4), ``enclosures`` (N, 5) and ``ignore`` (M, 4),
        float32 in crop pixels, ``directed`` (N,), bool, and ``labels`` and ``types``
        (N,), int64: all but the last two as in :class:`~geovehicle.data.views.View`.
        """
        rng = np.random.default_rng([self._settings.seed, index])
        view = self._compose(rng)
        if rng.random() < self._settings.copy_paste:
            donor = self._sampler.draw(rng)
            view = paste(rng, view, donor, self._settings.gsd, self._settings.view_scales)
        return _tensors(view if self._settings.plain else change_colours(rng, view))

    def _compose(self, rng: np.random.Generator) -> View:
        """Return one view, or four where the image drawn would not fill the crop."""
        width, height = size = self._settings.crop_size
        image = self._draw(rng)
        if rng.random() >= self._settings.tiled and self._fills(image, min(size)):
            return self._view(rng, image, size)
        column, row = (int(side * rng.uniform(*TILE_SHARE)) for side in size)
        sizes = [(w, h) for h in (row, height - row) for w in (column, width - column)]
        images = [image, *(self._draw(rng) for _ in sizes[1:])]
        views = [self._view(rng, one, size) for one, size in zip(images, sizes, strict=True)]
        return tile(views, (column, row))

    def _draw(self, rng: np.random.Generator) -> LabelledImage | None:
        """Return an image, or nothing where a view is to be rendered."""
        return None if rng.random() < self._settings.synthetic else self._sampler.draw(rng)

    def _fills(self, image: LabelledImage | None, side: int) -> bool:
        return (
            image is None
            or self._settings.plain
            or min(image.width, image.height) * image.gsd >= FILLED * side * self._settings.gsd
        )

    def _view(
        self, rng: np.random.Generator, image: LabelledImage | None, size: tuple[int, int]
    ) -> View:
        if image is None:
            return synthetic_view(rng, size, self._settings.gsd)
        if self._settings.plain:
            return plain_view(rng, image, size, self._settings.gsd)
        return labelled_view(rng, image, size, self._settings.gsd, self._settings.view_scales)


def collate(samples: list[Sample]) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Return the lists of images and targets that torchvision's detectors take."""
    images, targets = zip(*samples, strict=True)
    return list(images), list(targets)


def _tensors(view: View) -> Sample:
    image = torch.from_numpy(view.pixels.copy()).permute(2, 0, 1).float() / 255.0
    vehicles = view.vehicles
    return image, {
        "boxes": torch.from_numpy(vehicles.boxes.astype(np.float32)),
        "enclosures": torch.from_numpy(vehicles.enclosures.astype(np.float32)),
        "directed": torch.from_numpy(vehicles.directed),
        "labels": torch.ones(len(vehicles), dtype=torch.int64),
        "types": torch.from_numpy(vehicles.types),
        "ignore": torch.from_numpy(view.ignore.astype(np.float32)),
    }
