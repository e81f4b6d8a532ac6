"""How layers are drawn in QGIS: files of QML, each for polygons with a certain field."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER = ("REAL", "DOUBLE", "FLOAT", "INT", "MEDIUMINT", "SMALLINT", "TINYINT")
TEXT = ("TEXT",)
"""How the declared types of fields begin in a GeoPackage."""

NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "vehicles": ("score", NUMBER),
    "changes": ("change", TEXT),
    "density": ("per_ha", NUMBER),
}
"""The field that each style draws polygons by, and what it has to be."""


def suits(style: str, geometry: str, fields: Mapping[str, str]) -> bool:
    """Tell whether a style can draw a layer.

    Parameters
    ----------
    style : str
        Its name, see :data:`NEEDS`.
    geometry : str
        Type of the layer's geometries, in upper case.
    fields : mapping
        Names of the layer's fields and their declared types.
    """
    field, types = NEEDS[style]
    return geometry in ("POLYGON", "MULTIPOLYGON") and fields.get(field, "").startswith(types)


def qml(style: str) -> str:
    """Return a style as QGIS reads it."""
    return files("geovehicle.export.styles").joinpath(f"{style}.qml").read_text("utf-8")
