"""Detectors by their files: the format that a file names decides which one it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geovehicle.baselines import HOG_SVM
from geovehicle.model.checkpoint import from_metadata, locate, read_info, read_metadata
from geovehicle.model.detector import VehicleDetector
from geovehicle.model.weights import DEFAULT
from geovehicle.runtimes import SUFFIX as ONNX
from geovehicle.settings import DetectSettings, HogSvmConfig

if TYPE_CHECKING:
    from os import PathLike

    from geovehicle.baselines.hog_detector import HogSvmDetector
    from geovehicle.model.checkpoint import Info, ModelInfo
    from geovehicle.runtimes.onnx_detector import OnnxDetector

    LoadedDetector = VehicleDetector | HogSvmDetector | OnnxDetector


def load_detector(
    weights: str | PathLike[str] = DEFAULT, settings: DetectSettings | None = None
) -> LoadedDetector:
    """Return the detector of shipped weights, by name, or of a file.

    Parameters
    ----------
    weights : str or path-like
        The name of shipped weights or a file.
    settings : DetectSettings, optional
        Device, arithmetic and thresholds; the defaults without it.

    Raises
    ------
    CheckpointError
        If the weights cannot be used.
    SettingsError
        If the device asked for is not there.
    GeoVehicleError
        If the detector needs an extra that is not installed.
    """
    settings = settings or DetectSettings()
    if _form(weights) == HOG_SVM:  # its libraries are an extra
        from geovehicle.baselines.hog_detector import HogSvmDetector

        return HogSvmDetector.load(weights, settings)
    if _form(weights) == ONNX:
        from geovehicle.runtimes.onnx_detector import OnnxDetector

        return OnnxDetector.load(weights, settings)
    return VehicleDetector.load(weights, settings)


def describe(weights: str | PathLike[str]) -> ModelInfo | Info[HogSvmConfig]:
    """Return what weights of any format say about themselves, without loading them.

    Raises
    ------
    CheckpointError
        If the weights cannot be used.
    GeoVehicleError
        If they are an ONNX file and the extra for it is not installed.
    """
    if _form(weights) == HOG_SVM:
        return from_metadata(locate(weights), HOG_SVM, HogSvmConfig)
    if _form(weights) == ONNX:
        from geovehicle.runtimes.onnx_file import read_onnx_info

        return read_onnx_info(locate(weights))
    return read_info(weights)


def scene_gsds(
    info: ModelInfo | Info[HogSvmConfig], settings: DetectSettings
) -> tuple[float, float]:
    """Return the finest and the coarsest ground sampling distance of scenes, metres.

    Rasters between them are searched in their own pixels.
    """
    finest = info.finest_gsd if settings.finest is None else settings.finest
    return min(finest, info.gsd), info.gsd


def _form(weights: str | PathLike[str]) -> str | None:
    path = locate(weights)
    return ONNX if path.suffix.lower() == ONNX else read_metadata(path).get("format")
