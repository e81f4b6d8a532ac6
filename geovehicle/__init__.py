"""Every vehicle of an orthophoto as a polygon on the map.

The names below are imported when they are first used, so that ``import
geovehicle`` costs nothing::

    import geovehicle

    cars = geovehicle.detect("ortho.tif")
    cars[cars.score > 0.8].explore()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geovehicle.conversion import ConversionReport, convert
    from geovehicle.data.coco import LabelledImage, read_coco
    from geovehicle.data.synthetic import render_scene
    from geovehicle.detection import Detected, detect, find
    from geovehicle.detections import Detections
    from geovehicle.engines.detectors import load_detector
    from geovehicle.errors import GeoVehicleError
    from geovehicle.evaluation import evaluate
    from geovehicle.export.preview import draw_preview
    from geovehicle.export.writers import write
    from geovehicle.georeference import GeoGrid
    from geovehicle.learning.start import Recipe
    from geovehicle.metrics import Report
    from geovehicle.model.detector import VehicleDetector
    from geovehicle.raster.rasterio_source import open_raster
    from geovehicle.settings import ConvertSettings, DetectorConfig, DetectSettings, TrainSettings
    from geovehicle.training import Run, train

__version__ = "0.1.0"

__all__ = [
    "ConversionReport",
    "ConvertSettings",
    "DetectSettings",
    "Detected",
    "Detections",
    "DetectorConfig",
    "GeoGrid",
    "GeoVehicleError",
    "LabelledImage",
    "Recipe",
    "Report",
    "Run",
    "TrainSettings",
    "VehicleDetector",
    "__version__",
    "convert",
    "detect",
    "draw_preview",
    "evaluate",
    "find",
    "load_detector",
    "open_raster",
    "read_coco",
    "render_scene",
    "train",
    "write",
]

_HOMES = {
    "ConversionReport": "conversion",
    "ConvertSettings": "settings",
    "DetectSettings": "settings",
    "Detected": "detection",
    "Detections": "detections",
    "DetectorConfig": "settings",
    "GeoGrid": "georeference",
    "GeoVehicleError": "errors",
    "LabelledImage": "data.coco",
    "Recipe": "learning.start",
    "Report": "metrics",
    "Run": "training",
    "TrainSettings": "settings",
    "VehicleDetector": "model.detector",
    "convert": "conversion",
    "detect": "detection",
    "draw_preview": "export.preview",
    "evaluate": "evaluation",
    "find": "detection",
    "load_detector": "engines.detectors",
    "open_raster": "raster.rasterio_source",
    "read_coco": "data.coco",
    "render_scene": "data.synthetic",
    "train": "training",
    "write": "export.writers",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
