"""The plugin, its place in the Processing toolbox, and the algorithm that is all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingProvider,
)
from qgis.PyQt.QtGui import QIcon

from .algorithms import ALGORITHMS
from .child import ChildError, Event, as_typed, installed, run
from .commands import Algorithm, command_line, complaint
from .widgets import value, widget

NAME = "geovehicle"
ICON = Path(__file__).with_name("icon.svg")
JOURNAL = {
    "resumed": "Going on where a cancelled run of the same job stopped",
    "other": "The cancelled run here was another job; starting afresh",
}
"""What there is to say about an earlier run."""


class Plugin:
    """What QGIS loads; all it does is to add the provider."""

    def __init__(self) -> None:
        self._provider: Any = None

    def initProcessing(self) -> None:  # noqa: N802 - QGIS's names, here and below
        """Add the provider; the one step where there are no windows."""
        self._provider = Provider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:  # noqa: N802
        """Start in QGIS's windows."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        QgsApplication.processingRegistry().removeProvider(self._provider)


class Provider(QgsProcessingProvider):
    """The algorithms as a group of the toolbox."""

    def id(self) -> str:
        """Return what stands before the colon of an algorithm's name."""
        return NAME

    def name(self) -> str:
        """Return what the toolbox shows."""
        return NAME

    def longName(self) -> str:  # noqa: N802
        """Return what it is."""
        return "geovehicle: every vehicle of an orthophoto"

    def icon(self) -> QIcon:
        """Return the picture beside the name."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:  # noqa: N802
        """Return the picture's file."""
        return str(ICON)

    def supportsNonFileBasedOutput(self) -> bool:  # noqa: N802
        """Return False: the process writes files."""
        return False

    def supportedOutputVectorLayerExtensions(self) -> list[str]:  # noqa: N802
        """Return the formats of layers."""
        return ["gpkg", "shp", "geojson", "fgb"]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:  # noqa: N802, N803
        """Return the format that carries its style."""
        return "gpkg"

    def supportedOutputRasterLayerExtensions(self) -> list[str]:  # noqa: N802
        """Return the format of rasters."""
        return ["tif"]

    def loadAlgorithms(self) -> None:  # noqa: N802
        """Add the algorithms."""
        for definition in ALGORITHMS:
            self.addAlgorithm(ProcessAlgorithm(definition))


class _Styled(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded layer the style that its GeoPackage carries; Processing does not."""

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:  # noqa: N802
        """Load the style."""
        layer.loadDefaultStyle()


_KEPT: list[_Styled] = []
"""QGIS deletes them, but does not keep Python from doing so before."""


class ProcessAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that a process does.

    Parameters
    ----------
    definition : Algorithm
    """

    def __init__(self, definition: Algorithm) -> None:
        super().__init__()
        self._definition = definition
        self._inputs: dict[str, Any] = {}

    def createInstance(self) -> ProcessAlgorithm:  # noqa: N802
        """Return another of the same kind."""
        return ProcessAlgorithm(self._definition)

    def name(self) -> str:
        """Return what stands behind the colon."""
        return self._definition.name

    def displayName(self) -> str:  # noqa: N802
        """Return what the toolbox shows."""
        return self._definition.label

    def shortHelpString(self) -> str:  # noqa: N802
        """Return what stands beside the dialog."""
        return self._definition.text

    def icon(self) -> QIcon:
        """Return the provider's picture."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:  # noqa: N802
        """Return the picture's file."""
        return str(ICON)

    def initAlgorithm(self, configuration: Any = None) -> None:  # noqa: N802
        """Tell QGIS the parameters and results."""
        for parameter in self._definition.parameters:
            self.addParameter(widget(parameter))
        for name in self._definition.numbers:
            label = name.replace("_", " ").capitalize()
            self.addOutput(QgsProcessingOutputNumber(name, label))

    def canExecute(self) -> tuple[bool, str]:  # noqa: N802
        """Return whether the installed geovehicle is there, and what to do if not."""
        try:
            installed()
        except ChildError as error:
            return False, str(error)
        return True, ""

    def checkParameterValues(self, parameters: Any, context: Any) -> tuple[bool, str]:  # noqa: N802
        """Return whether the values go together, and why not."""
        wrong = complaint(self._definition, parameters)
        if wrong:
            return False, wrong
        fine, message = super().checkParameterValues(parameters, context)
        return fine, message

    def prepareAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> bool:  # noqa: N802
        """Read the inputs, in the thread of the windows, to which the project's layers belong."""
        self._inputs = {
            one.name: value(self, one, parameters, context, feedback)
            for one in self._definition.parameters
            if not one.is_output
        }
        return True

    def processAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> dict[str, Any]:  # noqa: N802
        """Run the command and return its outputs and numbers."""
        written = [one for one in self._definition.parameters if one.is_output]
        # here, for the context of this thread tells which results go onto the map
        outputs = {one.name: value(self, one, parameters, context, feedback) for one in written}
        try:
            command = [*installed(), *command_line(self._definition, self._inputs | outputs)]
            feedback.pushCommandInfo(as_typed(command))
            summary = run(command, _teller(feedback), feedback.isCanceled)
        except ChildError as error:
            raise QgsProcessingException(str(error)) from error
        if summary is None:
            return {}
        for one in written:
            self._style(one.kind, outputs[one.name], context)
        numbers = {name: summary.get(key) for name, key in self._definition.numbers.items()}
        return {**outputs, **numbers}

    def _style(self, kind: str, path: str | None, context: Any) -> None:
        if path and kind == "vector output" and context.willLoadLayerOnCompletion(path):
            _KEPT.append(_Styled())
            context.layerToLoadOnCompletionDetails(path).setPostProcessor(_KEPT[-1])


def _teller(feedback: Any) -> Any:
    """Return a function that passes events on to the dialog."""

    def tell(event: Event) -> None:
        if event["event"] == "progress" and event.get("total"):
            feedback.setProgress(100 * event["done"] / event["total"])
        elif event["event"] == "journal" and event.get("state") in JOURNAL:
            feedback.pushInfo(JOURNAL[event["state"]])
        elif event["event"] == "warning":
            feedback.pushWarning(event["message"])
        elif event["event"] == "text":
            feedback.pushConsoleInfo(event["message"])

    return tell
