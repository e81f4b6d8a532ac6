from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from geovehicle.data import sampling
from geovehicle.data.coco import LabelledImage
from geovehicle.data.sampling import BalancedSampler, TrainingCrops, collate
from geovehicle.data.views import Vehicles, View
from geovehicle.settings import TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

GSD = 0.10
NONE = np.empty((0, 4))


@pytest.fixture
def make_image(tmp_path: Path) -> Any:
    """Return a function that makes a labelled image of noise, with cars all over it."""

    def make(
        name: str, size: tuple[int, int] = (160, 128), source: str = "s", scene: str = "1"
    ) -> LabelledImage:
        width, height = size
        path = tmp_path / f"{name}.png"
        noise = np.random.default_rng(len(name)).integers(0, 256, (height, width, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)
        x, y = (grid.ravel() for grid in np.mgrid[4 : width - 20 : 24, 4 : height - 10 : 16])
        boxes = np.stack([x, y, x + 20, y + 9], axis=1).astype(float)
        return LabelledImage(path, 1, width, height, GSD, source, scene, boxes[1:], boxes[:1])

    return make


def crops(images: list[LabelledImage], **changes: Any) -> TrainingCrops:
    chosen = {"iterations": 50, "batch": 4, "crop": 96, "gsd": GSD, "synthetic": 0.0, "seed": 5}
    return TrainingCrops(images, TrainSettings(**chosen | changes))


def bare(source: str, scene: str) -> LabelledImage:
    """Return an image that is only drawn, never read."""
    return LabelledImage(None, 0, 9, 9, GSD, source, scene, NONE, NONE)  # type: ignore[arg-type]


class TestBalancedSampler:
    DRAWS = 6000

    def _shares(self, images: list[LabelledImage], by: Any) -> dict[Any, float]:
        rng, sampler = np.random.default_rng(0), BalancedSampler(images)
        drawn = Counter(by(sampler.draw(rng)) for _ in range(self.DRAWS))
        return {key: count / self.DRAWS for key, count in drawn.items()}

    def _within_chance(self, share: float, chance: float) -> bool:
        return abs(share - chance) < 4 * np.sqrt(chance * (1 - chance) / self.DRAWS)

    def test_sources_go_by_the_root_of_their_scenes(self) -> None:
        images = [
            bare(source, str(scene))
            for source, scenes in {"a": 1, "b": 4, "c": 9}.items()
            for scene in range(scenes)
        ]
        shares = self._shares(images, lambda image: image.source)
        for source, chance in {"a": 1 / 6, "b": 2 / 6, "c": 3 / 6}.items():
            assert self._within_chance(shares[source], chance)

    def test_scenes_are_equal_however_many_images_they_have(self) -> None:
        images = [bare("a", "film") for _ in range(50)] + [bare("a", "photo"), bare("a", "other")]
        shares = self._shares(images, lambda image: image.scene)
        for scene in ("film", "photo", "other"):
            assert self._within_chance(shares[scene], 1 / 3)

    def test_images_of_a_scene_are_equal(self) -> None:
        images = [bare("a", "film") for _ in range(3)]
        shares = self._shares(images, id)
        for image in images:
            assert self._within_chance(shares[id(image)], 1 / 3)

    def test_scenes_of_one_name_are_two_in_two_sources(self) -> None:
        images = [bare("a", "1"), bare("b", "1"), *(bare("b", str(n)) for n in range(2, 5))]
        shares = self._shares(images, lambda image: (image.source, image.scene))
        assert self._within_chance(shares["a", "1"], 1 / 3)
        assert self._within_chance(shares["b", "1"], 2 / 3 / 4)


class TestTrainingCrops:
    def test_there_are_as_many_as_the_run_needs(self, make_image: Any) -> None:
        assert len(crops([make_image("a")], iterations=30, batch=3)) == 90

    @pytest.mark.parametrize("tiled", [0.0, 1.0])
    @pytest.mark.parametrize("synthetic", [0.0, 1.0])
    def test_shapes_and_types(self, make_image: Any, tiled: float, synthetic: float) -> None:
        dataset = crops([make_image("a")], tiled=tiled, synthetic=synthetic)
        image, target = dataset[3]
        assert (image.shape, image.dtype) == ((3, 96, 96), torch.float32)
        assert 0 <= image.min() < image.max() <= 1
        count = len(target["boxes"])
        shapes = {
            "boxes": (count, 4),
            "enclosures": (count, 5),
            "ignore": (len(target["ignore"]), 4),
        }
        numbers = dict.fromkeys(["labels", "types", "directed"], (count,))
        assert {name: tuple(one.shape) for name, one in target.items()} == shapes | numbers
        types = {"labels": torch.int64, "types": torch.int64, "directed": torch.bool}
        for name, one in target.items():
            assert one.dtype == types.get(name, torch.float32)
        assert target["labels"].tolist() == [1] * count

    @pytest.mark.parametrize("tiled", [0.0, 1.0])
    def test_boxes_lie_in_the_crop_and_have_an_area(self, make_image: Any, tiled: float) -> None:
        dataset = crops([make_image("a"), make_image("bb", (90, 300))], tiled=tiled)
        targets = [dataset[index][1] for index in range(60)]
        assert sum(len(target["boxes"]) for target in targets) > 200
        assert sum(len(target["ignore"]) for target in targets) > 20
        boxes = torch.cat([target[name] for target in targets for name in ("boxes", "ignore")])
        assert boxes.min() >= 0
        assert boxes.max() <= 96
        assert (boxes[:, 2:] > boxes[:, :2]).all()

    def test_a_crop_is_known_by_seed_and_number(self, make_image: Any) -> None:
        images = [make_image("a"), make_image("bb", scene="2"), make_image("ccc", source="t")]
        forward, backward = crops(images), crops(images)
        expected = {index: forward[index] for index in range(8)}
        for index in reversed(range(8)):
            image, target = backward[index]
            assert torch.equal(image, expected[index][0])
            assert target.keys() == expected[index][1].keys()
            assert all(torch.equal(target[key], expected[index][1][key]) for key in target)

    def test_other_numbers_and_seeds_give_other_crops(self, make_image: Any) -> None:
        images = [make_image("a")]
        first = crops(images)
        seen = [first[0][0], first[1][0], crops(images, seed=6)[0][0], crops(images, seed=6)[1][0]]
        for index, one in enumerate(seen):
            assert not any(torch.equal(one, other) for other in seen[:index])

    def test_the_global_generators_have_no_part(self, make_image: Any) -> None:
        dataset = crops([make_image("a")])
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - what a careless library would draw from
        first = dataset[2][0]
        assert torch.equal(dataset[2][0], first)


@dataclass
class Views:
    """Takes the place of both kinds of view and remembers who asked for which size."""

    labelled: list[tuple[LabelledImage, tuple[int, int]]] = field(default_factory=list)
    rendered: list[tuple[int, int]] = field(default_factory=list)

    def label(self, rng: Any, image: LabelledImage, size: tuple[int, int], *_: Any) -> View:
        self.labelled.append((image, size))
        return self._view(size)

    def render(self, rng: Any, size: tuple[int, int], gsd: float) -> View:
        self.rendered.append(size)
        return self._view(size)

    def _view(self, size: tuple[int, int]) -> View:
        return View(np.zeros((size[1], size[0], 3), np.uint8), Vehicles.of_boxes(NONE), NONE)


class TestComposition:
    """One view or four, of images or rendered."""

    @pytest.fixture
    def views(self, monkeypatch: pytest.MonkeyPatch) -> Views:
        views = Views()
        monkeypatch.setattr(sampling, "labelled_view", views.label)
        monkeypatch.setattr(sampling, "synthetic_view", views.render)
        return views

    def test_a_large_image_fills_a_crop(self, make_image: Any, views: Views) -> None:
        image = make_image("a")
        crops([image], tiled=0.0)[0]
        assert views.labelled == [(image, (96, 96))]

    def test_four_views_share_a_tiled_crop(self, make_image: Any, views: Views) -> None:
        for index in range(20):
            views.labelled.clear()
            crops([make_image("a")], tiled=1.0)[index]
            (w1, h1), (w2, h2), (w3, h3), (w4, h4) = (size for _, size in views.labelled)
            assert (w1, h1, w2, h3) == (w3, h2, w4, h4)
            assert (w1 + w2, h1 + h3) == (96, 96)
            assert min(w1, w2, h1, h3) >= 0.35 * 96 - 1

    @pytest.mark.parametrize(("side", "views_a_crop"), [(76, 4), (77, 1)])
    def test_small_images_are_shown_among_others_only(
        self, make_image: Any, views: Views, side: int, views_a_crop: int
    ) -> None:
        dataset = crops([make_image("a", (400, side))], tiled=0.0)
        for index in range(10):
            dataset[index]
        assert len(views.labelled) == 10 * views_a_crop

    def test_the_ground_counts_not_the_pixels(self, make_image: Any, views: Views) -> None:
        image = make_image("a", (60, 60))
        crops([image], tiled=0.0, gsd=GSD / 2)[0]
        assert len(views.labelled) == 1
        views.labelled.clear()
        crops([image], tiled=0.0, gsd=2 * GSD)[0]
        assert len(views.labelled) == 4

    def test_shares_of_rendered_and_tiled(self, make_image: Any, views: Views) -> None:
        dataset = crops([make_image("a")], iterations=300, batch=1, synthetic=0.25, tiled=0.4)
        for index in range(len(dataset)):
            dataset[index]
        total = len(views.labelled) + len(views.rendered)
        assert total == pytest.approx(300 * (0.6 + 0.4 * 4), rel=0.1)
        assert len(views.rendered) == pytest.approx(total * 0.25, rel=0.2)

    def test_crops_need_be_no_squares(self, make_image: Any, views: Views) -> None:
        dataset = crops([make_image("a")], crop=70, crop_width=90, tiled=0.0)
        assert dataset[0][0].shape == (3, 70, 90)
        assert views.labelled[0][1] == (90, 70)
        tiled = crops([make_image("a")], crop=70, crop_width=90, tiled=1.0)
        assert tiled[0][0].shape == (3, 70, 90)

    def test_a_rendered_crop_needs_no_large_image(self, make_image: Any, views: Views) -> None:
        crops([make_image("a", (20, 20))], tiled=0.0, synthetic=1.0)[0]
        assert (views.labelled, views.rendered) == ([], [(96, 96)])


def test_plain_crops_are_the_image_or_its_mirror_image(make_image: Any) -> None:
    image = make_image("a", (120, 100))
    plain = {"crop": 100, "crop_width": 120, "plain": True, "tiled": 0.0, "copy_paste": 0.0}
    dataset = crops([image], **plain)
    pixels = torch.from_numpy(image.read().copy()).permute(2, 0, 1).float() / 255
    seen = [dataset[index] for index in range(12)]
    upright = [torch.equal(crop, pixels) for crop, _ in seen]
    assert {True, False} == set(upright)
    for (crop, target), straight in zip(seen, upright, strict=True):
        assert torch.equal(crop, pixels if straight else pixels.flip(2))
        x1, y1, x2, y2 = image.boxes.T
        columns = (x1, x2) if straight else (120 - x2, 120 - x1)
        expected = np.stack([columns[0], y1, columns[1], y2], axis=1)
        np.testing.assert_allclose(target["boxes"].numpy(), expected, atol=1e-4)


def test_plain_crops_of_a_larger_image_stay_inside_and_are_not_resampled(make_image: Any) -> None:
    image = make_image("a", (400, 300))
    pixels = image.read()
    dataset = crops([image], crop=64, plain=True, tiled=0.0, copy_paste=0.0)
    corners = set()
    for index in range(8):
        crop = (dataset[index][0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        found = [
            (y, x)
            for part in (crop, crop[:, ::-1])
            for y, x in np.argwhere((pixels[:237, :337] == part[0, 0]).all(axis=2)).tolist()
            if np.array_equal(pixels[y : y + 64, x : x + 64], part)
        ]
        corners.update(found[:1])
        assert found
    assert len(corners) > 4


def test_collate_separates_images_and_targets(make_image: Any) -> None:
    dataset = crops([make_image("a")])
    images, targets = collate([dataset[0], dataset[1]])
    assert [image.shape for image in images] == [(3, 96, 96)] * 2
    assert torch.equal(targets[1]["boxes"], dataset[1][1]["boxes"])
