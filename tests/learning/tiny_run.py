"""A training that takes a second: for the tests in this process, and for others as a script.

``python tiny_run.py FOLDER [--resume] [--val] [setting=number …]`` trains in FOLDER/run on
the photo FOLDER/photo.png, and validates on three others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from geovehicle.data.coco import LabelledImage
from geovehicle.model import build
from geovehicle.model.backbone import Backbone
from geovehicle.settings import DEFAULT_DETECTOR, TrainSettings
from geovehicle.training import Recipe, Run, train

DETECTOR = replace(
    DEFAULT_DETECTOR,
    conv5_channels=16,
    feature_channels=8,
    rpn_channels=8,
    head_channels=8,
    rpn_batch=32,  # fewer than there are, or nothing would be left to chance
    head_batch=16,
)
SETTINGS = TrainSettings(
    iterations=2,
    batch=2,
    crop=64,
    workers=0,
    synthetic=0.0,
    copy_paste=0.0,
    device="cpu",
    precision="float32",
    calibration=1,
    warm_up=1,
)


class TinyBackbone(Backbone):
    """Three convolutions in place of fifty."""

    stem_parts = ("stem",)
    imagenet_parts = ("stem", "middle")

    def __init__(self) -> None:
        super().__init__()
        self.stem = self._layer(3, 8, 4)
        self.middle = self._layer(8, 16, 4)
        self.top = self._layer(16, 32, 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        conv4 = self.middle(self.stem(images))
        return conv4, self.top(conv4)

    @staticmethod
    def _layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        convolution = nn.Conv2d(
            inputs, outputs, stride + 1, stride, padding=stride // 2, bias=False
        )
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


PATCHES = {
    "build_backbone": lambda name: TinyBackbone(),
    "CONV4_CHANNELS": 16,
    "CONV5_CHANNELS": 32,
}
"""What to put in place in ``geovehicle.model.build``."""


def photos(path: Path, left: int = 20) -> list[LabelledImage]:
    """Write a photo with a bright vehicle and return it, labelled."""
    pixels = np.random.default_rng(0).integers(0, 90, (96, 96, 3), dtype=np.uint8)
    pixels[30:50, left : left + 40] = 220
    if not path.exists():
        Image.fromarray(pixels).save(path)
    boxes = np.array([[left, 30.0, left + 40, 50.0]])
    return [LabelledImage(path, 1, 96, 96, 0.10, "photos", "one", boxes, np.empty((0, 4)))]


def kept_aside(folder: Path) -> list[LabelledImage]:
    """Write three photos with the vehicle at different places and return them."""
    return [image for left in (0, 25, 50) for image in photos(folder / f"{left}.png", left)]


def main() -> None:
    """Train as the command line says."""
    for name, value in PATCHES.items():
        setattr(build, name, value)
    torch.set_num_threads(1)
    folder, *rest = sys.argv[1:]
    given = dict(one.split("=") for one in rest if "=" in one)
    numbers = {name: type(getattr(SETTINGS, name) or 0)(value) for name, value in given.items()}
    images = photos(Path(folder) / "photo.png")
    validation = kept_aside(Path(folder)) if "--val" in rest else []
    run = Run(Path(folder) / "run", validation, resume="--resume" in rest)
    train(images, run, Recipe(DETECTOR), replace(SETTINGS, **numbers))


if __name__ == "__main__":
    main()
