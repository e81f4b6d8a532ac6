"""An exported detector: patches in, detections out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geovehicle.detections import Detections
from geovehicle.errors import CheckpointError, GeoVehicleError, SettingsError
from geovehicle.footprints import boxes_of, corners_of
from geovehicle.model.build import STRIDE
from geovehicle.model.checkpoint import locate
from geovehicle.model.device import keep_memory
from geovehicle.model.heads import NARROWEST
from geovehicle.model.proposals import share_of
from geovehicle.runtimes.onnx_file import read_onnx_info
from geovehicle.runtimes.sessions import first_line, open_session
from geovehicle.settings import ONNX_LARGEST_PATCH
from geovehicle.suppression import suppress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import Any

    from numpy.typing import NDArray

    from geovehicle.model.checkpoint import ModelInfo
    from geovehicle.raster.source import Patch
    from geovehicle.runtimes.sessions import Session
    from geovehicle.settings import DetectSettings


class OnnxDetector:
    """Patches in, detections in patch pixels out, as ``VehicleDetector``.

    Parameters
    ----------
    session : Session
        Runs the graph of :class:`geovehicle.runtimes.graph.DetectorGraph`.
    info : ModelInfo
        What the network was trained for.
    settings : DetectSettings
        Of which score, nms, patch and device count here.

    Attributes
    ----------
    info : ModelInfo
        As given.
    labels : tuple of str
        What the labels of detections stand for.
    score, nms : float
        The thresholds in force.
    arithmetic : str
        The runtime, its version, where and in which precision it computes.

    Raises
    ------
    SettingsError
        If another device than the processor is asked for.
    """

    def __init__(self, session: Session, info: ModelInfo, settings: DetectSettings) -> None:
        if settings.device not in ("auto", "cpu"):
            raise SettingsError(
                f"an ONNX file runs on the CPU, not on {settings.device};"
                " leave out --device or give a checkpoint"
            )
        if settings.patch > ONNX_LARGEST_PATCH:
            raise SettingsError(
                f"an ONNX file takes patches up to {ONNX_LARGEST_PATCH} pixels; lower --patch"
            )
        self.info = info
        self.labels = info.config.types or info.classes
        self.score = info.config.score_threshold if settings.score is None else settings.score
        self.nms = info.config.nms_iou if settings.nms is None else settings.nms
        self._most = info.config.detections_per_patch * share_of(settings.patch**2)
        keep_memory()
        self.arithmetic = session.arithmetic
        self._session = session

    @classmethod
    def load(cls, weights: str | PathLike[str], settings: DetectSettings) -> OnnxDetector:
        """Return the detector of a file.

        Raises
        ------
        CheckpointError
            If the file cannot be used.
        SettingsError
            If another device than the processor is asked for.
        GeoVehicleError
            If the extra is not installed.
        """
        path = locate(weights)
        info = read_onnx_info(path)
        return cls(open_session(path, settings.precision), info, settings)

    def __call__(self, patches: Sequence[Patch]) -> list[Detections]:
        """Return the detections of each patch, in its pixels, best first."""
        return [self._detect(patch.pixels) for patch in patches]

    def _detect(self, pixels: NDArray[np.uint8]) -> Detections:
        height, width = pixels.shape[1:]
        image = padded(pixels)
        try:
            answers = self._session.run({"image": image, "size": np.array([height, width])})
        except Exception as error:  # the runtimes' own, which have no common base
            raise GeoVehicleError(
                f"the network failed on a patch of {width} x {height} pixels ({first_line(error)});"
                " lower --patch, or give a checkpoint"
            ) from error
        self._check(answers)
        scores = answers[1]
        best = np.argsort(-scores, kind="stable")
        best = best[scores[best] > self.score]
        found = self._placed([answer[best] for answer in answers]).clip(width, height)
        narrow = (found.boxes[:, 2:] - found.boxes[:, :2] < NARROWEST).any(axis=1)
        found = self._suppressed(found.filter(np.flatnonzero(~narrow)))
        return found.filter(np.arange(min(len(found), self._most)))

    def _check(self, answers: list[NDArray[Any]]) -> None:
        """Make sure that the graph answers as its description says."""
        config, count = self.info.config, len(answers[1]) if len(answers) > 1 else 0
        shapes: list[tuple[int, ...]] = [(count, 5 if config.oriented else 4), (count,), (count,)]
        shapes += [(count, len(config.types))] if config.types else []
        if (
            [one.shape for one in answers] != shapes
            or not all(np.isfinite(one).all() for one in answers)
            or not np.isin(answers[2], np.arange(len(self.info.classes))).all()
        ):
            raise CheckpointError(
                "the network does not answer as its description says; export the weights again"
            )

    def _placed(self, answers: list[NDArray[Any]]) -> Detections:
        """Return what the graph answers as detections."""
        places, scores, labels, *types = answers
        if not self.info.config.oriented:
            return Detections(places, scores, labels)
        footprints = corners_of(places)
        if not types:
            return Detections(boxes_of(footprints), scores, labels, footprints)
        told, sure = types[0].argmax(axis=1), types[0].max(axis=1)
        return Detections(boxes_of(footprints), scores, told, footprints, sure)

    def _suppressed(self, found: Detections) -> Detections:
        """Drop what overlaps a better one: horizontal boxes only those of their own class."""
        if self.info.config.oriented or not len(found):
            return suppress(found, self.nms)
        classes = [found.filter(found.labels == label) for label in np.unique(found.labels)]
        kept = Detections.concatenate([suppress(one, self.nms) for one in classes])
        return kept.filter(np.argsort(-kept.scores, kind="stable"))


def padded(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pixels (3, H, W) as the graph takes them, with 0 to the right and below."""
    missing = [(0, _missing(side)) for side in pixels.shape[1:]]
    return np.pad(pixels, ((0, 0), *missing))


def _missing(side: int) -> int:
    """Return how much is missing to a multiple of the network's stride and its least size."""
    return max(-side % STRIDE, 2 * STRIDE - side)
