"""Float graphs to 8-bit integers, by the ranges that values take on examples."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from geovehicle.errors import GeoVehicleError
from geovehicle.runtimes.onnx_file import MISSING
from geovehicle.runtimes.sessions import first_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Inputs = dict[str, NDArray[Any]]

ANSWERS = ("rpn.head.objectness", "rpn.head.deltas", "heads.box_predictor")
"""The layers whose results are no longer features: 256 levels of a score or of a shift
would be steps in the answer, and they are cheap."""

PREPARED = "onnx.quant.pre_process"
"""ONNX Runtime looks for it: batch norm is folded and shapes are known already."""


def quantised(model: Any, examples: Iterable[Inputs]) -> Any:
    """Return a model whose convolutions and hidden layers compute in int8.

    Weights have a scale for each channel, values one for each map.  The first
    convolution, which sees the image itself, and the layers that answer stay as they
    are, and so do the sums of the residual stream.

    Parameters
    ----------
    model : onnx.ModelProto
        Of :func:`geovehicle.runtimes.onnx_file.to_onnx`; left as it is.
    examples : iterable of dict
        Inputs of the graph, like those that it will see.

    Raises
    ------
    GeoVehicleError
        If the extra is not installed, or the examples cannot be run.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise GeoVehicleError(MISSING) from error
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    onnx.helper.set_model_props(prepared, {PREPARED: "onnxruntime.quant"})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        try:
            quantize_static(
                prepared,
                path,
                _Examples(iter(examples)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Gemm"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_left_in_float(model),
            )
        except GeoVehicleError:
            raise  # of a labelled image
        except Exception as error:  # the runtime's own, which have no common base
            raise GeoVehicleError(
                f"the ranges of int8 cannot be measured ({first_line(error)});"
                " calibrate on other images or with fewer --patches"
            ) from error
        return onnx.load(path)


class _Examples:
    """The examples as ONNX Runtime asks for them."""

    def __init__(self, examples: Iterator[Inputs]) -> None:
        self._examples = examples

    def get_next(self) -> Inputs | None:
        return next(self._examples, None)


def _left_in_float(model: Any) -> list[str]:
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    answers = [node.name for node in layers if node.input[1].startswith(ANSWERS)]
    return [layers[0].name, *answers]
