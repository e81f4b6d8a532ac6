"""Fuzzes the converters: small sound data sets of every format, made unsound.

``PROPERTIES`` has the strategies and what each example goes through; ``fuzz/run.py`` runs
them for minutes, ``tests/test_fuzz.py`` for seconds.
"""

from __future__ import annotations

import io
import json
import signal
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from hypothesis import strategies as st
from mutation import changes, damage, other_value, other_word
from PIL import Image
from scipy.io import savemat

from geovehicle.conversion import convert
from geovehicle.data.coco import read_coco
from geovehicle.errors import GeoVehicleError
from geovehicle.settings import ConvertSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutation import Change

    from geovehicle.settings import FormatName

Example = tuple[str, list["Change"]]
"""Which file is changed, and how."""

SECONDS = 20
"""What a conversion may take, which usually takes some milliseconds."""

SIZE = (48, 32)

VOC = """<annotation><folder>a</folder><size><width>48</width><height>32</height></size>
<object><name>car</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>6</ymin>
<xmax>25</xmax><ymax>16</ymax></bndbox></object></annotation>"""

DOTA = "imagesource:x\ngsd:0.1\n5 5 25 5 25 15 5 15 small-vehicle 0\n9 9 12 9 12 14 9 14 ship 1\n"
VEDAI = "15 10 0.5 1 1 0 5 25 25 5 5 5 15 15\n30 20 0.1 23 1 0 25 35 35 25 15 15 25 25\n"
MERGED = "1 15 10 0.5 5 25 25 5 5 5 15 15 1 1 0\n"
DLR = "# format: id type x y sx sy angle\n@ a\n0 10 20 15 8 4 30\n1 30 30 20 6 3 -45.5\n"
YAML = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: car\n  1: tree\nnc: 2\n"
YOLO = "0 0.5 0.5 0.2 0.3\n1 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2\n"


def _coco() -> dict[str, Any]:
    size = {"width": SIZE[0], "height": SIZE[1]}
    ring = [5, 5, 25, 5, 25, 15, 5, 15]
    return {
        "images": [
            {"id": 1, "file_name": "a.png", "gsd": 0.1, "source": "n", "scene": "s", **size},
            {"id": 2, "file_name": "b.png", **size},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 10], "type": "car"},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 10], "iscrowd": 1},
            {"id": 3, "image_id": 2, "category_id": 2, "bbox": [5, 5, 20, 10],
             "segmentation": [ring]},
        ],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
    }  # fmt: skip


def _picture(form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
    Image.fromarray(noise).save(stream, form)
    return stream.getvalue()


def _matrix() -> bytes:
    stream = io.BytesIO()
    savemat(stream, {"x00001": np.array([[5.0, 5, 25, 15, 0, 1], [9, 9, 30, 20, 0, 1]])},
            do_compression=True)  # fmt: skip
    return stream.getvalue()


def _features() -> bytes:
    ring = [[130_001, 454_998], [130_003, 454_998], [130_003, 454_999], [130_001, 454_998]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
    shapes = [{"type": "Polygon", "coordinates": [ring]},
              {"type": "Point", "coordinates": [130_002, 454_999]}]  # fmt: skip
    features = [{"type": "Feature", "properties": {"type": "car", "heading": 30}, "geometry": shape}
                for shape in shapes]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()


def _orthophoto() -> bytes:
    place = {"crs": "EPSG:28992", "transform": rasterio.Affine(0.1, 0, 130_000, 0, -0.1, 455_000)}
    noise = np.random.default_rng(0).integers(20, 120, (3, 32, 48), np.uint8)
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=48, height=32, count=3, dtype="uint8", **place
        ) as one:
            one.write(noise)
        return memory.read()


@cache
def datasets() -> dict[FormatName, tuple[str, dict[str, bytes]]]:
    """Return a sound data set of each format: what is converted, and the files."""
    png, jpg = _picture(), _picture("JPEG")
    return {
        "coco": ("a.json", {"a.json": json.dumps(_coco()).encode(), "images/a.png": png,
                            "images/b.png": png}),
        "yolo": ("", {"data.yaml": YAML.encode(), "images/train/a.png": png,
                      "labels/train/a.txt": YOLO.encode(), "images/val/b.jpg": jpg,
                      "labels/val/b.txt": YOLO.encode()}),
        "voc": ("", {"Annotations/a.xml": VOC.encode(), "JPEGImages/a.jpg": jpg,
                     "ImageSets/Main/train.txt": b"a\n"}),
        "dota": ("", {"train/images/a.png": png, "train/labelTxt/a.txt": DOTA.encode()}),
        "vedai": ("", {"Vehicules512/00000001_co.png": png,
                       "Annotations512/annotation512.txt": MERGED.encode(),
                       "Annotations512/00000001.txt": VEDAI.encode()}),
        "dlr3k": ("", {"Train/a.jpg": jpg, "Train/a_pkw.samp": DLR.encode()}),
        "itcvd": ("", {"Training/Image/00001.png": png, "Training/GT/00001.mat": _matrix()}),
        "vectors": ("", {"a.geojson": _features(), "ortho.tif": _orthophoto()}),
    }  # fmt: skip


def converted(form: FormatName, folder: Path) -> None:
    """Convert what lies in a folder, and read what comes of it."""
    source = folder / datasets()[form][0]
    convert(form, source, folder / "out", ConvertSettings(gsd=0.1))
    for path in (folder / "out").glob("*.json"):
        for image in read_coco(path):
            assert image.read().shape == (image.height, image.width, 3)
            limits = np.array([image.width, image.height] * 2)
            boxes = np.concatenate([image.boxes, image.ignore])
            assert ((boxes >= 0) & (boxes <= limits)).all()


@contextmanager
def alarm() -> Iterator[None]:
    """End what hangs as a finding.  A process for each example would take most of the time."""

    def ring(number: int, frame: Any) -> None:
        raise AssertionError(f"it took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def survives(form: FormatName, example: Example) -> None:
    """Check a data set of which one file is changed."""
    name, changed = example
    with TemporaryDirectory() as place:
        folder = Path(place)
        for path, content in datasets()[form][1].items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path == name:
                for change in changed:
                    content = change(content)
            target.write_bytes(content)
        before = {path for path in folder.rglob("*") if "out" not in path.parts}
        try:
            with alarm():
                converted(form, folder)
            refused = ""
        except GeoVehicleError as error:
            refused = str(error)
        assert bool(refused) != (folder / "out").exists(), "half a result, or no reason"
        after = {path for path in folder.rglob("*") if "out" not in path.relative_to(folder).parts}
        assert after == before, "other files were made"


def _examples(form: FormatName) -> st.SearchStrategy[Example]:
    files = datasets()[form][1]
    texts = [name for name in files if Path(name).suffix not in (".png", ".jpg", ".tif", ".mat")]
    binaries = sorted(files.keys() - set(texts))
    values = [name for name in texts if "json" in name]
    kinds = [st.tuples(st.sampled_from(binaries), changes(damage()))]
    if texts:
        kinds += 3 * [st.tuples(st.sampled_from(texts), changes(damage(), other_word()))]
    if values:
        kinds += 4 * [st.tuples(st.sampled_from(values), changes(other_value()))]
    return st.one_of(kinds)


PROPERTIES = {
    f"{form} data sets": (_examples(form), lambda example, form=form: survives(form, example))
    for form in datasets()
}
