"""Make a network of YOLOv8's medium size as GeoDeep takes it, with random weights.

Runs in the environment of ultralytics; see ``docs/benchmarks.md``::

    PEERS/bin/python benchmarks/peer_yolo.py yolov8m.onnx
    PEERS/bin/python benchmarks/peer_yolo.py yolov8m-int8.onnx --quantize

The quantised form is that which GeoDeep's own converter makes: weights of 8 bits, and ranges of
all else as they come.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

METADATA = {
    "model_type": "Detector",
    "det_type": "YOLO_v8",
    "det_conf": 0.3,
    "det_iou_thresh": 0.3,
    "resolution": 10,  # centimetres a pixel
    "class_names": {"0": "vehicle"},
    "tiles_overlap": 10,  # per cent
}
"""What GeoDeep reads from the file, with the values that its converter proposes."""


def exported(folder: Path, side: int) -> Path:
    """Return the ONNX file of a network for tiles of some pixels a side."""
    network = YOLO("yolov8m.yaml")
    one_class = DetectionModel("yolov8m.yaml", nc=1, verbose=False)
    one_class.args, one_class.task = network.model.args, network.task
    one_class.pt_path = str(folder / "network.pt")  # the ONNX file goes beside it
    network.model = one_class
    return Path(network.export(format="onnx", imgsz=side, simplify=False))


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--side", type=int, default=640, help="of a tile, pixels")
    parser.add_argument("--quantize", action="store_true", help="to 8 bits")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = exported(Path(folder), options.side)
        if options.quantize:
            quantize_dynamic(path, path, weight_type=QuantType.QUInt8)
        network = onnx.load(path)
    kept = [one for one in network.metadata_props if one.key not in METADATA]
    del network.metadata_props[:]
    network.metadata_props.extend(kept)
    for key, value in METADATA.items():
        network.metadata_props.add(key=key, value=json.dumps(value))
    onnx.save(network, options.output)


if __name__ == "__main__":
    sys.exit(main())
