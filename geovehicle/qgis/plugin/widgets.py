"""Parameters as QGIS shows them, and their values as the command line takes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import (
    NULL,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterDistance,
    QgsProcessingParameterEnum,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
    QgsUnitTypes,
)

if TYPE_CHECKING:
    from .commands import Parameter

READABLE = ["gpkg", "shp", "geojson", "fgb"]
"""Suffixes of files that geovehicle reads as they are; other layers are copied."""

MANY = 20
"""Rasters from which on they are named in a list: command lines have an end."""


def widget(parameter: Parameter) -> QgsProcessingParameterDefinition:
    """Return what QGIS asks the user."""
    made = MAKERS[parameter.kind](parameter)
    if parameter.advanced:
        made.setFlags(made.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return made


def value(algorithm: Any, parameter: Parameter, given: Any, context: Any, feedback: Any) -> Any:
    """Return the value of a parameter for :func:`.commands.command_line`, None where empty.

    Parameters
    ----------
    algorithm : QgsProcessingAlgorithm
        Which knows how its values are written.
    parameter : Parameter
    given : dict
        The values of all parameters, as QGIS has them.
    context, feedback : QgsProcessingContext, QgsProcessingFeedback
    """
    if given.get(parameter.name) in (None, NULL, "") and parameter.default is None:
        return None
    if parameter.kind in ("vehicles", "polygons"):
        return _layer(algorithm, parameter.name, given, context, feedback)
    return READERS[parameter.kind](algorithm, given, parameter.name, context)


def _common(parameter: Parameter) -> dict[str, Any]:
    may_be_empty = not parameter.required and parameter.default is None
    return {"optional": may_be_empty, "defaultValue": parameter.default}


def _of(kind: int) -> Any:
    """Return the maker of a layer's parameter."""
    return lambda one: QgsProcessingParameterVectorLayer(
        one.name, one.label, types=[kind], optional=not one.required
    )


def _number(one: Parameter) -> QgsProcessingParameterDefinition:
    kinds = {
        "number": QgsProcessingParameterNumber.Double,
        "integer": QgsProcessingParameterNumber.Integer,
    }
    made = QgsProcessingParameterNumber(one.name, one.label, type=kinds[one.kind], **_common(one))
    return _limited(made, one)


def _metres(one: Parameter) -> QgsProcessingParameterDefinition:
    made = QgsProcessingParameterDistance(one.name, one.label, **_common(one))
    made.setDefaultUnit(QgsUnitTypes.DistanceMeters)
    return _limited(made, one)


def _limited(made: Any, one: Parameter) -> Any:
    low, high = one.limits
    if low is not None:
        made.setMinimum(low)
    if high is not None:
        made.setMaximum(high)
    return made


def _choice(one: Parameter) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterEnum(
        one.name, one.label, list(one.choices), usesStaticStrings=True, **_common(one)
    )


def _field(one: Parameter) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterField(
        one.name,
        one.label,
        parentLayerParameterName=one.parent,
        type=QgsProcessingParameterField.Numeric,
        **_common(one),
    )


def _output(kind: Any, *types: Any) -> Any:
    """Return the maker of an output, made by default where there has to be one."""
    return lambda one: kind(
        one.name,
        one.label,
        *types,
        optional=not one.required,
        createByDefault=one.required,
    )


MAKERS = {
    "rasters": lambda one: QgsProcessingParameterMultipleLayers(
        one.name, one.label, QgsProcessing.TypeRaster, optional=not one.required
    ),
    "vehicles": _of(QgsProcessing.TypeVectorAnyGeometry),
    "polygons": _of(QgsProcessing.TypeVectorPolygon),
    "field": _field,
    "number": _number,
    "integer": _number,
    "metres": _metres,
    "choice": _choice,
    "flag": lambda one: QgsProcessingParameterBoolean(one.name, one.label, **_common(one)),
    "text": lambda one: QgsProcessingParameterString(one.name, one.label, **_common(one)),
    "texts": lambda one: QgsProcessingParameterString(one.name, one.label, **_common(one)),
    "file": lambda one: QgsProcessingParameterFile(
        one.name, one.label, fileFilter="Weights (*.safetensors *.onnx)", **_common(one)
    ),
    "vector output": _output(
        QgsProcessingParameterVectorDestination, QgsProcessing.TypeVectorPolygon
    ),
    "raster output": _output(QgsProcessingParameterRasterDestination),
}
"""What makes a parameter, by its kind."""


def _layer(algorithm: Any, name: str, given: Any, context: Any, feedback: Any) -> str:
    """Return a layer as a file that holds what the user sees of it.

    QGIS copies layers that are no files of ours, such as those in memory, in a database, with a
    filter, or with selected features only.
    """
    path, layer = algorithm.parameterAsCompatibleSourceLayerPathAndLayerName(
        given, name, context, READABLE, "gpkg", feedback
    )
    return f"{path}|layername={layer}" if layer else path


def _rasters(algorithm: Any, given: Any, name: str, context: Any) -> list[str]:
    sources = [_source(layer) for layer in algorithm.parameterAsLayerList(given, name, context)]
    if len(sources) < MANY:
        return sources
    path = QgsProcessingUtils.generateTempFilename("rasters.txt")
    Path(path).write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
    return [f"@{path}"]


def _source(layer: Any) -> str:
    """Return what GDAL opens of a raster layer."""
    if layer.providerType() != "gdal":
        raise QgsProcessingException(
            f"{layer.name()} comes from a service ({layer.providerType()}); save it as a file first"
        )
    source: str = layer.source().partition("|option:")[0]
    return os.path.abspath(source) if os.path.exists(source) else source  # noqa: PTH100, PTH110


READERS = {
    "rasters": _rasters,
    "field": lambda algorithm, *given: algorithm.parameterAsFields(*given)[0],
    "number": lambda algorithm, *given: algorithm.parameterAsDouble(*given),
    "integer": lambda algorithm, *given: algorithm.parameterAsInt(*given),
    "metres": lambda algorithm, *given: algorithm.parameterAsDouble(*given),
    "choice": lambda algorithm, *given: algorithm.parameterAsEnumString(*given),
    "flag": lambda algorithm, *given: algorithm.parameterAsBool(*given),
    "text": lambda algorithm, *given: algorithm.parameterAsString(*given).strip(),
    "texts": lambda algorithm, *given: [
        part.strip() for part in algorithm.parameterAsString(*given).split(",") if part.strip()
    ],
    "file": lambda algorithm, *given: algorithm.parameterAsFile(*given),
    "vector output": lambda algorithm, *given: algorithm.parameterAsOutputLayer(*given),
    "raster output": lambda algorithm, *given: algorithm.parameterAsOutputLayer(*given),
}
"""What reads a value, by the parameter's kind."""
