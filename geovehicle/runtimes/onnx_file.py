"""ONNX files of detectors: the graph, and the same description that a checkpoint has."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from geovehicle.errors import CheckpointError, GeoVehicleError, SettingsError
from geovehicle.files import replacing
from geovehicle.model.build import STRIDE
from geovehicle.model.checkpoint import FORMAT_VERSION, ModelInfo, described, to_metadata
from geovehicle.settings import ONNX_LARGEST_SIDE, ONNX_OPSET, DetectorConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from geovehicle.runtimes.graph import DetectorGraph

FORMAT = "geovehicle-detector-onnx"

MISSING = "install what ONNX needs: pip install 'geovehicle[export]'"

OUTPUTS = ("places", "scores", "labels", "types")
"""What the graph answers, see :class:`geovehicle.runtimes.graph.DetectorGraph`."""


def to_onnx(graph: DetectorGraph) -> Any:
    """Return a detector as an ONNX model for patches of any size, without description.

    Raises
    ------
    GeoVehicleError
        If the extra is not installed.
    """
    import torch

    onnx = _library()
    try:
        import onnxscript  # noqa: F401  # torch.onnx asks for it late, and in its own words
    except ImportError as error:
        raise GeoVehicleError(MISSING) from error
    rows, columns = (
        torch.export.Dim(name, min=2, max=ONNX_LARGEST_SIDE // STRIDE)
        for name in ("rows", "columns")
    )
    image = torch.zeros((3, 8 * STRIDE, 10 * STRIDE), dtype=torch.uint8)
    example = (image, torch.tensor([250, 300]))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the insides of torch and torchvision
        program = torch.onnx.export(
            graph.eval(),
            example,
            dynamo=True,
            verbose=False,
            opset_version=ONNX_OPSET,
            input_names=("image", "size"),
            output_names=OUTPUTS[: len(graph(*example))],
            dynamic_shapes={"image": {1: STRIDE * rows, 2: STRIDE * columns}, "size": None},
        )
    assert program is not None
    model = program.model_proto
    onnx.checker.check_model(model)
    return model


def save_onnx(path: Path, model: Any, info: ModelInfo) -> None:
    """Write an ONNX model with its description.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is left as it was.
    """
    onnx = _library()
    onnx.helper.set_model_props(model, to_metadata(FORMAT, info))
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def read_onnx_info(path: Path) -> ModelInfo:
    """Return what an ONNX file says about itself.

    Raises
    ------
    CheckpointError
        If the file is damaged or was not written by :func:`save_onnx`.
    GeoVehicleError
        If the extra is not installed.
    """
    onnx = _library()
    try:
        model = onnx.load(path, load_external_data=False)
        told = {one.key: one.value for one in model.metadata_props}
    except Exception as error:  # that of protobuf, which has no better base
        raise CheckpointError(f"{path} is not an ONNX file; export the weights again") from error
    if (told.get("format"), told.get("format_version")) != (FORMAT, str(FORMAT_VERSION)):
        raise CheckpointError(
            f"{path} holds no detector of this version of geovehicle; export the weights again"
        )
    if any(isinstance(one, onnx.TensorProto) and one.external_data for one in _parts(model)):
        raise CheckpointError(
            f"{path} wants to read other files, as no export does; export the weights again"
        )
    try:
        return described(told, DetectorConfig)
    except (KeyError, TypeError, ValueError, RecursionError, SettingsError) as error:
        raise CheckpointError(
            f"{path} has a damaged description: {str(error)[:200]}; export the weights again"
        ) from error


def _parts(message: Any) -> Iterator[Any]:
    """Yield a message and all messages within."""
    yield message
    for kind, value in message.ListFields():
        if kind.message_type is not None:
            for one in value if isinstance(value, Sequence) else (value,):
                yield from _parts(one)


def _library() -> Any:
    try:
        import onnx
        import onnx.checker
    except ImportError as error:
        raise GeoVehicleError(MISSING) from error
    return onnx
