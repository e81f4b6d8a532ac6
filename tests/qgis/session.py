"""What the real QGIS does with our algorithms, as one session in its own Python.

Run by test_provider.py: ``session.py PLUGINS JOB`` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsFeatureRequest,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsProperty,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QThread

PLUGINS, JOB = sys.argv[1:]
sys.path.insert(0, PLUGINS)


class Listener(QgsProcessingFeedback):
    """Keeps what the dialog would show, and cancels where it is told to."""

    def __init__(self, patience: float = 101.0) -> None:
        super().__init__(False)
        self.patience = patience
        self.shares: list[float] = []
        self.errors: list[str] = []
        self.infos: list[str] = []

    def setProgress(self, share: float) -> None:
        self.shares.append(share)
        if share >= self.patience:
            self.cancel()

    def reportError(self, error: str, *fatal: bool) -> None:
        self.errors.append(error)

    def pushInfo(self, info: str) -> None:
        self.infos.append(info)


class Session:
    """QGIS with the plugin, and a project."""

    def __init__(self) -> None:
        from geovehicle import child, provider

        self.plugin = provider.Plugin()
        self.plugin.initGui()
        self.registry = QgsApplication.processingRegistry()
        self.pids: list[int] = []
        self.beside: set[str] = set()
        """Parameters that were read beside the main thread, to which the project belongs."""
        start, value = child._started, provider.value

        def started(command):
            process = start(command)
            self.pids.append(process.pid)
            return process

        def read(algorithm, parameter, *given):
            if QThread.currentThread() != QgsApplication.instance().thread():
                self.beside.add(parameter.name)
            return value(algorithm, parameter, *given)

        child._started, provider.value = started, read

    def run(self, name: str, parameters: dict, patience: float = 101.0) -> dict:
        """Run an algorithm as the dialog does."""
        listener, context = Listener(patience), QgsProcessingContext()
        context.setProject(QgsProject.instance())
        output = QgsProcessingOutputLayerDefinition(parameters["OUTPUT"], QgsProject.instance())
        algorithm = self.registry.createAlgorithmById(f"geovehicle:{name}")
        ended: list[tuple[bool, dict]] = []
        given = {**parameters, "OUTPUT": output}
        task = QgsProcessingAlgRunnerTask(algorithm, given, context, listener)
        task.executed.connect(lambda *end: ended.append(end))
        QgsApplication.taskManager().addTask(task)
        while not ended:
            QgsApplication.processEvents()
            time.sleep(0.01)
        ((fine, results),) = ended
        styled = None
        if fine and results:
            details = context.layerToLoadOnCompletionDetails(parameters["OUTPUT"])
            styled = details.postProcessor() is not None
            if styled:
                layer = QgsVectorLayer(parameters["OUTPUT"], "found", "ogr")
                details.postProcessor().postProcessLayer(layer, context, listener)
        return {
            "fine": fine,
            "results": results,
            "errors": listener.errors,
            "infos": listener.infos,
            "shares": listener.shares,
            "styled": styled,
            "alive": alive(self.pids[-1]) if self.pids else None,
        }


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def described(session: Session) -> dict:
    """Return what the toolbox and the dialogs say."""
    provider = session.registry.providerById("geovehicle")
    return {
        one.name(): {
            "parameters": {each.name(): each.type() for each in one.parameterDefinitions()},
            "advanced": [
                each.name()
                for each in one.parameterDefinitions()
                if each.flags() & each.FlagAdvanced
            ],
            "outputs": [each.name() for each in one.outputDefinitions()],
            "executable": one.canExecute(),
            "icon": not one.icon().isNull(),
            "help": one.shortHelpString(),
        }
        for one in provider.algorithms()
    }


def zones(file: str) -> QgsProcessingFeatureSourceDefinition:
    """Return the selected zone of a layer in memory."""
    layer = QgsVectorLayer(file, "file", "ogr").materialize(QgsFeatureRequest())
    layer.setName("zones in memory")
    QgsProject.instance().addMapLayer(layer)
    layer.selectByExpression("\"name\" = 'west'")
    return QgsProcessingFeatureSourceDefinition(layer.id(), selectedFeaturesOnly=True)


def filtered(file: str) -> str:
    """Return a layer of the project that shows some of the cars of a file."""
    layer = QgsVectorLayer(file, "cars", "ogr")
    layer.setSubsetString('"score" > 0.5')
    QgsProject.instance().addMapLayer(layer)
    return layer.id()


def listed(file: str) -> list[str]:
    """Return the lines of the list that stands for many rasters, of which one is no file."""
    from geovehicle.widgets import MANY, READERS

    class Stub:
        def parameterAsLayerList(self, *given: object) -> list[QgsRasterLayer]:
            return [QgsRasterLayer(file, "ortho")] * (MANY - 1) + [QgsRasterLayer("/vsimem/a")]

    (named,) = READERS["rasters"](Stub(), {}, "INPUT", QgsProcessingContext())
    return [named[0], *Path(named[1:]).read_text("utf-8").splitlines()]


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    job = json.loads(Path(JOB).read_text("utf-8"))
    session = Session()
    told = {
        "described": described(session),
        "cancelled": session.run("detect", job["detect"], patience=20.0),
        "counted": session.run(
            "count",
            {
                "INPUT": filtered(job["cars"]),
                "ZONES": zones(job["zones"]),
                "CAPACITY": "places",
                "SCORE": QgsProperty.fromExpression("0.25 * 3"),
                "OUTPUT": job["counts"],
            },
        ),
        "failed": session.run(
            "count",
            {"INPUT": job["cars"], "ZONES": job["zones"], "OUTPUT": job["nowhere"]},
        ),
    }
    told["listed"] = listed(job["raster"])
    session.plugin.unload()
    told["beside"] = sorted(session.beside)
    told["unloaded"] = session.registry.providerById("geovehicle") is None
    sys.stdout.write(json.dumps(told, default=str) + "\n")
    sys.stdout.flush()
    os._exit(0)  # QGIS may fall over its own teardown


main()
