"""A trained model that finds vehicles in patches."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from geovehicle.detections import Detections
from geovehicle.errors import GeoVehicleError, GeoVehicleWarning, SettingsError
from geovehicle.model.checkpoint import ModelInfo, load_checkpoint
from geovehicle.model.device import choose_device, choose_precision, is_no_memory, keep_memory
from geovehicle.model.fusion import for_inference
from geovehicle.model.int8 import is_fast
from geovehicle.model.proposals import share_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from torch import Tensor
    from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

    from geovehicle.raster.source import Patch
    from geovehicle.settings import DetectSettings, PrecisionName


class VehicleDetector:
    """Patches in, detections in patch pixels out.

    Parameters
    ----------
    model : GeneralizedRCNN
        A model of :func:`geovehicle.model.build.build_detector`; left as it is.
    info : ModelInfo
        What it was trained for.
    settings : DetectSettings
        Of which score, nms, device and precision count here.

    Attributes
    ----------
    info : ModelInfo
        As given.
    labels : tuple of str
        What the labels of detections stand for: the types that the model tells apart,
        or else its classes.
    score, nms : float
        The thresholds in force.
    arithmetic : str
        Where and in which precision it computes, such as ``cpu bfloat16``: scores depend on
        it, if only a little.
    """

    def __init__(self, model: GeneralizedRCNN, info: ModelInfo, settings: DetectSettings) -> None:
        self.info = info
        self.labels = info.config.types or info.classes
        self.score = info.config.score_threshold if settings.score is None else settings.score
        self.nms = info.config.nms_iou if settings.nms is None else settings.nms
        self._device = choose_device(settings.device)
        integers = _takes_int8(settings.precision, self._device, info)
        asked = "auto" if settings.precision == "int8" else settings.precision
        precision = choose_precision(asked, self._device)
        names = [*(["int8"] if integers else []), str(precision).removeprefix("torch.")]
        self.arithmetic = f"{self._device.type} {' and '.join(names)}"
        ranges = info.ranges if integers else None
        self._model = for_inference(model, self._device, precision, ranges)
        # a patch fills a processor, and alone it has the same bits in every batch
        self._at_once = 1 if self._device.type == "cpu" else settings.batch
        if self._device.type == "cpu":
            keep_memory()
        self._model.roi_heads.score_thresh = self.score
        self._model.roi_heads.nms_thresh = self.nms
        self._model.roi_heads.detections_per_img *= share_of(settings.patch**2)

    @classmethod
    def load(cls, weights: str | PathLike[str], settings: DetectSettings) -> VehicleDetector:
        """Return the detector of shipped weights, by name, or of a checkpoint file.

        Raises
        ------
        CheckpointError
            If the weights cannot be used.
        SettingsError
            If the device asked for is not there, or cannot compute as asked for.
        """
        return cls(*load_checkpoint(weights), settings)

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        """Return the detections of each patch, in its pixels, best first.

        Labels index ``labels``: the background of the network is left out.  Where the
        memory is too small for a batch, it is halved, for those to come as well.

        Raises
        ------
        GeoVehicleError
            If the memory is too small for a single patch.
        """
        found: list[Detections] = []
        while len(found) < len(patches):
            some = patches[len(found) : len(found) + self._at_once]
            answered = self._answers(some)
            if answered is None:
                self._lower(len(some))
            else:
                found += answered
        return found

    def _answers(self, patches: Sequence[Patch]) -> list[Detections] | None:
        """Return the detections of a batch, None where the memory is too small for it."""
        try:
            images = [torch.from_numpy(patch.pixels).to(self._device) for patch in patches]
            with torch.inference_mode():
                found = self._model(images)
            return [self._detections({key: one[key].cpu() for key in one}) for one in found]
        except (RuntimeError, MemoryError) as error:
            if not is_no_memory(error):
                raise
        return None  # not before the error has let its tensors go

    def _lower(self, batch: int) -> None:
        """Halve the batch, for the device has no memory for this one."""
        if batch == 1:
            raise GeoVehicleError(f"the memory of {self._device} is too small; lower --patch")
        self._at_once = batch // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        warnings.warn(
            f"the memory of {self._device} is too small for a batch of {batch};"
            f" going on with {self._at_once}",
            GeoVehicleWarning,
            stacklevel=3,
        )

    def _detections(self, found: dict[str, Tensor]) -> Detections:
        detections = Detections(
            found["boxes"].numpy(),
            found["scores"].numpy(),
            found["labels"].numpy() - 1,
            found["footprints"].numpy() if self.info.config.oriented else None,
        )
        if not self.info.config.types:
            return detections
        types = found["types"].max(dim=1)
        return replace(detections, labels=types.indices.numpy(), label_scores=types.values.numpy())


def _takes_int8(name: PrecisionName, device: torch.device, info: ModelInfo) -> bool:
    """Tell whether a model computes in int8: asked for, or by itself where that is fast."""
    if name != "auto" and name != "int8":
        return False
    lacking = {
        "the device is no processor": device.type != "cpu",
        "the processor has no fast instructions for it, AVX-512 VNNI": not is_fast(),
        "the weights tell no ranges of values": not info.ranges,
    }
    reason = next((why for why, holds in lacking.items() if holds), None)
    if reason is not None and name == "int8":
        raise SettingsError(f"int8 is not possible: {reason}; leave out --precision")
    return reason is None
