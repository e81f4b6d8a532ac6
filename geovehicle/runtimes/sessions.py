"""ONNX files as functions of arrays, by whichever runtime is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from geovehicle.errors import CheckpointError, GeoVehicleError
from geovehicle.runtimes.onnx_file import MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.settings import PrecisionName

Session = Callable[[dict[str, "NDArray[Any]"]], "list[NDArray[Any]]"]
"""From inputs by their names to all outputs in order."""


def open_session(path: Path, precision: PrecisionName) -> Session:
    """Return the graph of a file as a function, run on the processor.

    OpenVINO runs it where it is installed, as it is the fastest by far; otherwise ONNX
    Runtime, whose arithmetic on processors is float32 or the file's int8.

    Parameters
    ----------
    path : Path
        An ONNX file.
    precision : str
        Arithmetic of what the file has in float32; ``auto`` is the runtime's choice.

    Raises
    ------
    CheckpointError
        If the file is damaged.
    GeoVehicleError
        If no runtime is installed.
    """
    for opened in (_by_openvino, _by_onnxruntime):
        try:
            return opened(path, precision)
        except ImportError:
            continue
        except Exception as error:  # the runtimes' own, which have no common base
            raise CheckpointError(f"{path} cannot be run; export the weights again") from error
    raise GeoVehicleError(MISSING)


def _by_openvino(path: Path, precision: PrecisionName) -> Session:
    import openvino

    hint = {"auto": {}, "float32": "f32", "bfloat16": "bf16"}[precision]
    options = {"INFERENCE_PRECISION_HINT": hint} if hint else {}
    request = openvino.Core().compile_model(path, "CPU", options).create_infer_request()
    # the results are views of memory that the next call overwrites
    return lambda inputs: [answer.copy() for answer in request.infer(inputs).values()]


def _by_onnxruntime(path: Path, precision: PrecisionName) -> Session:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: list(session.run(None, inputs))
