"""The detector beside torchvision's networks, on the same patches in turn.

A bare ResNet-50 is the yardstick: its convolutions are what any detector of this kind pays
for at least.  Weights are random where torchvision's are meant; they cost the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torchvision

from inference import operations

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from geovehicle.engines.detectors import LoadedDetector
    from geovehicle.raster.source import Patch

    Works = dict[str, Callable[[], object]]

OURS, BARE = "geovehicle, the network", "bare ResNet-50"
RCNN, RCNN_LOW = "Faster R-CNN R50-FPN, as it comes", "Faster R-CNN R50-FPN, autocast"
PRODUCT = "matrix product"

MATRIX = {"cpu": 4096, "cuda": 8192}
"""Rows of the matrices: a product takes long beside starting it, and little of the whole run."""


@dataclass(frozen=True)
class Measured:
    """What was measured of one network.

    Attributes
    ----------
    name : str
    seconds_per_mpix : float
        Of the windows that went through it.
    times_bare : float
        As a multiple of the bare ResNet-50's.
    share_of_product : float
        Operations a second of its convolutions and products, as a share of those of the
        matrix product; 0 where they are not counted, as by other runtimes and in int8.
    """

    name: str
    seconds_per_mpix: float
    times_bare: float
    share_of_product: float


class Contest:
    """Times networks on one patch after the other.

    Parameters
    ----------
    detector : callable
        Ours.
    device : torch.device
    dtype : torch.dtype
        Of the arithmetic that the detector chose; the bare ResNet-50 has it as well.

    Attributes
    ----------
    mpix : float
        Millions of pixels that went through each.
    """

    def __init__(self, detector: LoadedDetector, device: torch.device, dtype: torch.dtype) -> None:
        self.mpix = 0.0
        self._detector, self._device, self._dtype = detector, device, dtype
        bare = torchvision.models.resnet50(weights=None).eval()
        self._bare = bare.to(device, dtype, memory_format=torch.channels_last)
        rcnn = torchvision.models.detection.fasterrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, box_score_thresh=0.5
        )
        self._rcnn = rcnn.eval().to(device, memory_format=torch.channels_last)
        rows = MATRIX.get(device.type, MATRIX["cpu"])
        self._square = torch.rand(rows, rows, device=device).to(dtype)
        self._seconds: dict[str, list[float]] = {}
        self._operations: dict[str, int] = {}

    def __call__(self, patch: Patch) -> None:
        """Let each network see a patch, all of them of one size; the first one warms up."""
        with torch.inference_mode():
            works = self._works(patch)
            if not self._operations:
                self._operations = {name: operations(work) for name, work in works.items()}
                if "int8" in self._detector.arithmetic:
                    self._operations[OURS] = 0  # the counter does not know them
                self._seconds = {name: [] for name in works}
                for work in works.values():
                    work()
            for name, work in works.items():
                start = time.perf_counter()
                work()
                self._seconds[name].append(time.perf_counter() - start)
        self.mpix += patch.valid.size / 1e6

    @property
    def peak(self) -> float:
        """Operations a second of the fastest matrix product."""
        return self._operations[PRODUCT] / min(self._seconds[PRODUCT])

    def rows(self) -> list[Measured]:
        """Return what was measured of each network."""
        totals = {name: sum(of) for name, of in self._seconds.items() if name != PRODUCT}
        patches = len(self._seconds[PRODUCT])
        return [
            Measured(
                name,
                seconds / self.mpix,
                seconds / totals[BARE],
                self._operations[name] * patches / seconds / self.peak,
            )
            for name, seconds in totals.items()
        ]

    def _works(self, patch: Patch) -> Works:
        pixels = torch.from_numpy(patch.pixels).to(self._device)
        image = pixels.float() / 255
        batch = image[None].to(self._dtype, memory_format=torch.channels_last)
        # No resizing: torchvision's would be to 800 pixels.
        self._rcnn.transform.min_size = (min(image.shape[1:]),)
        self._rcnn.transform.max_size = max(image.shape[1:])
        return {
            OURS: lambda: self._detector([patch]),
            BARE: lambda: self._bare(batch).cpu(),  # waits for the device
            RCNN: lambda: self._rcnn([image])[0]["boxes"].cpu(),
            RCNN_LOW: lambda: self._by_autocast(image),
            PRODUCT: lambda: (self._square @ self._square)[0].cpu(),
        }

    def _by_autocast(self, image: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16):
            return self._rcnn([image])[0]["boxes"].cpu()
