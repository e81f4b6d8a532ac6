"""ONNX files as functions of arrays, by whichever runtime is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geovehicle.errors import CheckpointError, GeoVehicleError, SettingsError
from geovehicle.runtimes.onnx_file import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from geovehicle.settings import FloatName, PrecisionName


@dataclass(frozen=True)
class Session:
    """A graph that runs.

    Attributes
    ----------
    run : callable
        From inputs by their names to all outputs in order.
    arithmetic : str
        The runtime, its version, where and in which precision it computes.
    """

    run: Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]
    arithmetic: str


def open_session(path: Path, precision: PrecisionName) -> Session:
    """Return the graph of a file as a function, run on the processor.

    OpenVINO runs it where it is installed and can, as it is the fastest by far; otherwise
    ONNX Runtime, whose arithmetic on processors is float32 or the file's int8.

    Parameters
    ----------
    path : Path
        An ONNX file.
    precision : str
        Arithmetic of what the file has in float32; ``auto`` is the runtime's choice.

    Raises
    ------
    CheckpointError
        If no runtime can run the file.
    SettingsError
        If none that is installed computes in the precision asked for.
    GeoVehicleError
        If no runtime is installed.
    """
    if precision == "int8":
        raise SettingsError(
            "an ONNX file computes as it was exported, see geovehicle export --quantize;"
            " leave out --precision"
        )
    failure: Exception | None = None
    for opened in (by_openvino, by_onnxruntime):
        try:
            return opened(path, precision)
        except ImportError:
            continue
        except SettingsError as error:
            failure = failure or error
        except Exception as error:  # the runtimes' own, which have no common base
            failure = error
    if failure is None:
        raise GeoVehicleError(MISSING)
    if isinstance(failure, SettingsError):
        raise failure
    reason = first_line(failure)
    raise CheckpointError(f"{path} cannot be run ({reason}); export the weights again") from failure


def first_line(error: Exception) -> str:
    """Return what a runtime's error begins with."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def by_openvino(path: Path, precision: FloatName) -> Session:
    """Return the graph of a file as OpenVINO runs it, see :func:`open_session`."""
    import openvino

    hint = {"auto": {}, "float32": "f32", "bfloat16": "bf16"}[precision]
    options = {"INFERENCE_PRECISION_HINT": hint} if hint else {}
    compiled = openvino.Core().compile_model(path, "CPU", options)
    request = compiled.create_infer_request()
    precise = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    return Session(
        # the results are views of memory that the next call overwrites
        lambda inputs: [answer.copy() for answer in request.infer(inputs).values()],
        f"openvino {openvino.__version__} cpu {precise}",
    )


def by_onnxruntime(path: Path, precision: FloatName) -> Session:
    """Return the graph of a file as ONNX Runtime does, see :func:`open_session`."""
    import onnxruntime

    if precision == "bfloat16":
        raise SettingsError(
            "ONNX Runtime computes in float32; leave out --precision or install openvino"
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return Session(
        lambda inputs: list(session.run(None, inputs)),
        f"onnxruntime {onnxruntime.__version__} cpu float32",
    )
