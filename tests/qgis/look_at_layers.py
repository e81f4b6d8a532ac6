"""Opens the GeoPackages of a folder in QGIS and tells what it sees there, as JSON.

Runs in the Python of the QGIS of this machine: python3 look_at_layers.py FOLDER.  Where there
is an ortho.tif, each layer is drawn over it at each of the scales, as NAME_SCALE.png.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize

DPI = 300
SCALES = (500, 5000, 15000)


def seen(layer):
    """Return what QGIS knows of a layer."""
    told = layer.metadata()
    context = QgsExpressionContext()
    context.appendScopes(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setFeature(next(layer.getFeatures()))
    return {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "features": layer.featureCount(),
        "renderer": layer.renderer().type(),
        "legend": [item.label() for item in layer.renderer().legendSymbolItems()],
        "labels": layer.labelsEnabled(),
        "title": told.title(),
        "abstract": told.abstract(),
        "licences": told.licenses(),
        "history": told.history(),
        "metadata_crs": told.crs().authid(),
        "extents": [one.extentCrs.authid() for one in told.extent().spatialExtents()],
        "properties": layer.htmlMetadata(),
        "tip": QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context),
        "name": QgsExpression(layer.displayExpression()).evaluate(context),
    }


def draw(layer, ortho, scale, path):
    """Draw a layer over the orthophoto, all of it."""
    settings = QgsMapSettings()
    settings.setLayers([layer, ortho])
    settings.setDestinationCrs(layer.crs())
    settings.setOutputDpi(DPI)
    area = ortho.extent()
    pixels = DPI / 0.0254 / scale
    settings.setOutputSize(QSize(round(area.width() * pixels), round(area.height() * pixels)))
    settings.setExtent(area)
    settings.setFlag(QgsMapSettings.Antialiasing)
    context = QgsExpressionContext()
    context.appendScopes(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.appendScope(QgsExpressionContextUtils.mapSettingsScope(settings))  # as the canvas does
    settings.setExpressionContext(context)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors()
    job.renderedImage().save(str(path))


def look(folder):
    """Return what is seen of each GeoPackage."""
    found = {}
    for path in sorted(folder.glob("*.gpkg")):
        layer = QgsVectorLayer(str(path), path.stem, "ogr")
        layers = QgsProviderRegistry.instance().querySublayers(str(path))
        found[path.stem] = {**seen(layer), "layers": [one.name() for one in layers]}
        if (folder / "ortho.tif").exists():
            ortho = QgsRasterLayer(str(folder / "ortho.tif"), "ortho")
            for scale in SCALES:
                draw(layer, ortho, scale, folder / f"{path.stem}_{scale}.png")
    return found


if __name__ == "__main__":
    program = QgsApplication([], False)
    program.initQgis()
    print(json.dumps(look(Path(sys.argv[1]))))  # noqa: T201 - it is the answer
    program.exitQgis()
