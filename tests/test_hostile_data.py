"""Data sets and weights that nobody should have to handle, made by code.

For each the right result or one clear line; nothing of theirs is run, nothing outside of
their folder is read, and no few bytes become gigabytes.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import struct
import tracemalloc
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from geovehicle.conversion import ConversionReport, convert
from geovehicle.data.coco import read_coco
from geovehicle.data.records import Problem
from geovehicle.data.texts import shown
from geovehicle.engines.detectors import describe, load_detector
from geovehicle.errors import CheckpointError, DatasetError, GeoVehicleError
from geovehicle.model import checkpoint
from geovehicle.model.weights import DEFAULT
from geovehicle.settings import ConvertSettings, DetectSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

SIZE = (48, 32)
RAN = "ran"
"""A file that code of a stranger would make."""

BYTES = 200 * 2**20
"""What reading may take, of Python's own memory."""


def fuzzer(name: str) -> Any:
    """Return a module of the folder ``fuzz``."""
    with pytest.MonkeyPatch.context() as patches:
        patches.syspath_prepend(str(Path(__file__).parents[1] / "fuzz"))
        return import_module(name)


class Evil:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, (RAN,)


@pytest.fixture(autouse=True)
def guarded(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Work in an empty folder; see that nothing was run and little memory was taken."""
    monkeypatch.chdir(tmp_path)
    if request.cls is None:  # walks have their own guards, and measuring takes its time
        yield
        return
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BYTES
    assert not (tmp_path / RAN).exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing but pictures."""
    place = tmp_path / "data"
    (place / "images").mkdir(parents=True)
    picture(place / "images" / "a.png")
    return place


def picture(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def converted(form: Any, source: Path) -> tuple[ConversionReport, list[str]]:
    """Convert a data set; return the report and the problems."""
    told: list[Any] = []
    out = source.parent / "out"
    report = convert(form, source, out, ConvertSettings(gsd=0.1), told.append)
    return report, [str(one) for one in told if type(one) is Problem]


def refused(form: Any, source: Path) -> str:
    """Convert a data set of which nothing can be used; return the line that says why."""
    with pytest.raises(DatasetError) as caught:
        converted(form, source)
    assert not (source.parent / "out").exists()
    assert len(str(caught.value)) < 1000
    return str(caught.value)


GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 10]}


class TestCoco:
    """JSON of strangers, as ``convert`` and as ``train`` read it."""

    def write(self, folder: Path, annotations: Any = (), **image: Any) -> Path:
        width, height = SIZE
        first = {"id": 1, "file_name": "a.png", "width": width, "height": height, "gsd": 0.1}
        content = {
            "images": [first | image],
            "annotations": [GOOD, *annotations],
            "categories": [{"id": 1, "name": "car"}],
        }
        path = folder / "labels.json"
        path.write_text(json.dumps(content))
        return path

    def both(self, path: Path) -> list[str]:
        """Return what the two readers say of a file of which nothing can be used."""
        with pytest.raises(DatasetError) as caught:
            read_coco(path)
        return [str(caught.value), refused("coco", path)]

    @pytest.mark.parametrize(
        "name", ["../secret.png", "images/../../secret.png", "/etc/passwd", "..", "a/../../x.png"]
    )
    def test_names_do_not_climb_out(self, folder: Path, name: str) -> None:
        picture(folder.parent / "secret.png")
        for told in self.both(self.write(folder, file_name=name)):
            assert "leaves the folder of the data set" in told

    @pytest.mark.parametrize("where", ["images", "."])
    def test_nor_do_links(self, folder: Path, where: str) -> None:
        secret = picture(folder.parent / "secret.png")
        (folder / where / "b.png").symlink_to(secret)
        for told in self.both(self.write(folder, file_name="b.png")):
            assert "is a link that leaves the folder of the data set; put the file" in told

    def test_links_within_and_a_folder_elsewhere_are_the_users_own(self, folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        (folder / "images").rename(elsewhere)
        (folder / "images").symlink_to(elsewhere)
        (elsewhere / "b.png").symlink_to("a.png")
        report, problems = converted("coco", self.write(folder, file_name="b.png"))
        assert (report.of("train").vehicles, problems) == (1, [])

    @pytest.mark.parametrize("name", ["\0", "a\0.png", "\ud800", "x" * 5000, "", ".", "images", 7])
    def test_names_that_cannot_be(self, folder: Path, name: Any) -> None:
        for told in self.both(self.write(folder, file_name=name)):
            assert "file_name" in told or "is neither beside it nor in images/" in told

    @pytest.mark.parametrize(
        "box",
        [
            [30, 20, -20, -10],
            [5, 5, 0, 10],
            [5, 5, math.nan, 10],
            [5, 5, 20, math.inf],
            [1e308, 5, 1e308, 1],
            [10**400, 5, 20, 10],
            [5, 5, 20],
            ["5", "5", "20", "10"],
            [[5], 5, 20, 10],
            "5 5 20 10",
            None,
            {},
        ],
    )
    def test_a_wrong_box_is_named_and_left_out(self, folder: Path, box: Any) -> None:
        path = self.write(folder, [{**GOOD, "id": 77, "bbox": box}])
        with pytest.raises(DatasetError, match=r"annotation 77 .* four finite numbers|a record"):
            read_coco(path)
        report, (problem,) = converted("coco", path)
        assert report.of("train").vehicles == 1
        assert "annotation 77" in problem

    @pytest.mark.parametrize("box", [[500, 500, 10, 10], [-90, 5, 20, 10], [1e8, 5, 20, 10]])
    def test_a_box_outside_is_named_and_left_out(self, folder: Path, box: Any) -> None:
        report, (problem,) = converted(
            "coco", self.write(folder, [{**GOOD, "id": 77, "bbox": box}])
        )
        assert report.of("train").vehicles == 1
        assert "vehicle 2 is" in problem

    def test_a_box_that_reaches_far_out_ends_with_the_image(self, folder: Path) -> None:
        source = self.write(folder, [{**GOOD, "bbox": [-1e5, -1e5, 2e5, 2e5]}])
        _, problems = converted("coco", source)
        (image,) = read_coco(folder / "out" / "train.json")
        assert not problems
        assert np.array_equal(image.boxes[1], [0, 0, *SIZE])

    def test_two_images_of_one_id_are_told(self, folder: Path) -> None:
        path = self.write(folder)
        content = json.loads(path.read_text())
        content["images"] *= 2
        path.write_text(json.dumps(content))
        with pytest.raises(DatasetError, match="two images share an id"):
            read_coco(path)
        report, (problem,) = converted("coco", path)
        assert report.of("train").images == 1
        assert "its id 1 is that of an earlier image" in problem

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("width", 2**62),
            ("width", 10**4000),
            ("height", -1),
            ("height", "32"),
            ("height", True),
            ("gsd", -0.1),
            ("gsd", [0.1]),
            ("id", 1.5),
            ("id", {}),
        ],
    )
    def test_a_lying_image_is_one_line(self, folder: Path, key: str, value: Any) -> None:
        path = self.write(folder, **{key: value})
        assert refused("coco", path)
        try:  # for training it is told when the image is read
            (image,) = read_coco(path)
        except DatasetError:
            return
        with pytest.raises(DatasetError, match="its labels say"):
            image.read()

    def test_patches_are_not_made_of_a_size_that_lies(self, folder: Path) -> None:
        path = self.write(folder, width=2**40, height=2**40)
        settings = ConvertSettings(gsd=0.1, patch=(32, 24), overlap=0.0)
        with pytest.raises(DatasetError, match="the image is 48 x 32 pixels, its labels say"):
            convert("coco", path, folder.parent / "out", settings)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\xff\xfe{}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"images": ' + b"9" * 10_000 + b"}",
            b'{"images": [], "annotations": {}}',
            b'{"images": [1, null, "x", []], "annotations": []}',
            b"\x80\x04\x95",
            b"null",
        ],
    )
    def test_what_is_no_coco(self, folder: Path, raw: bytes) -> None:
        path = folder / "labels.json"
        path.write_bytes(raw)
        self.both(path)

    def test_values_nested_deeply_are_shown_in_short(self, folder: Path) -> None:
        deep: Any = "x"
        for _ in range(900):
            deep = [deep]
        path = self.write(folder, [{**GOOD, "id": deep, "bbox": deep}], source=deep, scene={})
        with pytest.raises(DatasetError, match=r"annotation \[\[\[\.\.\.\]\]\] has the box \["):
            read_coco(path)
        report, (problem,) = converted("coco", path)
        assert report.of("train").vehicles == 1
        assert len(problem) < 200

    def test_a_byte_order_mark_does_no_harm(self, folder: Path) -> None:
        path = self.write(folder)
        path.write_text(path.read_text(), encoding="utf-8-sig")
        assert len(read_coco(path)) == 1

    def test_a_file_of_terabytes_is_not_read(self, folder: Path) -> None:
        path = folder / "labels.json"
        with path.open("wb") as stream:
            stream.truncate(2**42)
        for told in self.both(path):
            assert "it has more than 1024 MB" in told

    def test_a_pipe_is_not_waited_for(self, folder: Path) -> None:
        os.mkfifo(folder / "labels.json")
        for told in self.both(folder / "labels.json"):
            assert "not a regular file" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**5000, "a number of many digits"),
        ("a\nb" * 100, ("a b" * 100)[:53]),
        ([[[[[1]]]]], "[[[...]]]"),
        ({"a": {"b": {"c": {}}}}, "{a: {b: {c: ...}}}"),
        (None, "None"),
    ],
    ids=["digits", "lines", "lists", "objects", "nothing"],
)
def test_values_are_shown_in_a_short_line(value: Any, text: str) -> None:
    assert shown(value).startswith(text)
    assert len(shown(value)) <= 80


class TestYolo:
    def write(self, folder: Path, yaml: str, labels: str = "0 0.5 0.5 0.2 0.2\n") -> Path:
        (folder / "data.yaml").write_text(yaml)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / "a.txt").write_text(labels)
        return folder

    def test_one_that_is_sound(self, folder: Path) -> None:
        report, _ = converted("yolo", self.write(folder, "train: images\nnames: [car]"))
        assert report.of("train").vehicles == 1

    @pytest.mark.parametrize(
        ("yaml", "told"),
        [
            ("names: !!python/object/apply:os.mkdir [ran]\ntrain: images", "cannot be read as"),
            ("a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]", "it has an alias"),
            ("a: &a {k: v}\nb: {<<: [*a, *a]}\nnames: [car]", "it has an alias"),
            ("names: " + "[" * 5000, "cannot be read as YAML"),
            ("names:\n  ? 0x" + "f" * 9000 + "\n  : car", "in 'names'"),
            ("- " * 5000, "cannot be read as YAML"),
            ("names: {.nan: car}", "in 'names'"),
            ("names: [[car]]", "no text"),
            ("names: 2026-13-45", "cannot be read as YAML"),
            ("train: 7\nnames: [car]", "is no path and no list of paths"),
            ("train: /dev/zero\nnames: [car]", ""),
            ("train: \"a\\0b\"\nnames: [car]", ""),
            ("train: " + "x" * 5000 + "\nnames: [car]", ""),
            ("\0", "cannot be read as YAML"),
        ],
    )  # fmt: skip
    def test_a_hostile_yaml_is_one_line(self, folder: Path, yaml: str, told: str) -> None:
        assert told in refused("yolo", self.write(folder, yaml))

    @pytest.mark.parametrize(
        "line",
        [
            "0 nan 0.5 0.2 0.2",
            "0 inf 0.5 0.2 0.2",
            "0 1e400 0.5 0.2 0.2",
            "0 0.5 0.5 -0.2 0.2",
            "99999999999999999999 0.5 0.5 0.2 0.2",
            "0.5 0.5 0.5 0.2 0.2",
            "0 " + "0.5 " * 1000,
            "\0",
            "\x80",
            "0 0.5 0.5 0.2",
        ],
    )
    def test_garbage_in_labels_leaves_the_image_out(self, folder: Path, line: str) -> None:
        source = self.write(folder, "train: images\nnames: [car]", f"{line}\n")
        assert "a.txt" in refused("yolo", source)

    def test_a_label_file_that_is_a_pipe_is_not_waited_for(self, folder: Path) -> None:
        source = self.write(folder, "train: images\nnames: [car]")
        picture(folder / "images" / "b.png")
        os.mkfifo(folder / "labels" / "b.txt")
        report, _ = converted("yolo", source)
        assert (
            report.of("train", "val").images == 2
        )  # one without a label file, as the format has it


BOMB = """<!DOCTYPE a [<!ENTITY x0 "boom">{}]><annotation><object><name>&x9;</name></object>
</annotation>""".format("".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10)))

LABELS: dict[str, tuple[str, str]] = {
    "voc": ("images/a.png", "images/a.xml"),
    "dota": ("images/a.png", "labelTxt/a.txt"),
    "vedai": ("Vehicules512/00000001_co.png", "Annotations512/00000001.txt"),
    "dlr3k": ("Train/a.png", "Train/a_pkw.samp"),
    "itcvd": ("Training/Image/00001.png", "Training/GT/00001.mat"),
}
"""Where each format has its picture and its labels."""


def labelled(folder: Path, form: str, content: bytes) -> Path:
    image, labels = (folder / name for name in LABELS[form])
    for path in (image, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    picture(image)
    labels.write_bytes(content)
    return folder


class TestLabelFiles:
    """Pascal VOC, DOTA, VEDAI and DLR 3K."""

    @pytest.mark.parametrize(
        ("xml", "told"),
        [
            (BOMB, "it has a DOCTYPE"),
            (BOMB.encode("utf-16"), "it has a DOCTYPE"),
            ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"),
            ("<a>&x;</a>", "cannot be read as XML"),
            ("<a" + " b='1'" * 2, "cannot be read as XML"),
            ('<?xml version="1.0" encoding="x-unknown"?><a/>', "cannot be read as XML"),
            ("<annotation><object><name>car</name><bndbox/></object></annotation>", "no number"),
            (
                "<annotation><object><name>car</name><bndbox><xmin>nan</xmin><ymin>1</ymin>"
                "<xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>",
                "no coordinate",
            ),
            ("<a><size><width>1e9</width><height>9</height></size></a>", ""),
        ],
    )
    def test_a_hostile_xml_is_one_line(self, folder: Path, xml: str | bytes, told: str) -> None:
        content = xml if isinstance(xml, bytes) else xml.encode()
        assert told in refused("voc", labelled(folder, "voc", content))

    def test_a_tower_of_elements_does_no_harm(self, folder: Path) -> None:
        tower = "<a>" * 100_000 + "</a>" * 100_000
        report, _ = converted("voc", labelled(folder, "voc", tower.encode()))
        assert report.of("train").images == 1

    @pytest.mark.parametrize("form", ["dota", "vedai", "dlr3k"])
    @pytest.mark.parametrize(
        "content",
        [
            b"\x00\x01\x02",
            b"\xff\xfe1 2 3",
            b"1 2 3\n",
            b"nan " * 10,
            b"1e999 " * 14,
            b"9" * 5000 + b" 1 2 3 4 5 6 7 8 9",
            pickle.dumps(Evil()),
        ],
    )
    def test_garbage_is_named_and_the_image_left_out(
        self, folder: Path, form: str, content: bytes
    ) -> None:
        told = refused(form, labelled(folder, form, content))
        assert Path(LABELS[form][1]).name in told

    @pytest.mark.parametrize("form", ["voc", "dota", "vedai", "dlr3k", "itcvd"])
    def test_a_label_file_of_terabytes_is_not_read(self, folder: Path, form: str) -> None:
        labelled(folder, form, b"")
        with (folder / LABELS[form][1]).open("wb") as stream:
            stream.truncate(2**42)
        assert "it has more than" in refused(form, folder)


class TestMatlab:
    """ITCVD's label files."""

    def saved(self, **variables: Any) -> bytes:
        from scipy.io import savemat

        stream = io.BytesIO()
        savemat(stream, variables, do_compression=True)
        return stream.getvalue()

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            (np.array([[1, "a"], ["b", 2]], dtype=object), "holds a cell; rows of numbers"),
            ({"a": 1}, "holds a struct; rows of numbers"),
            ("text", "holds a char; rows of numbers"),
            (np.ones((2, 3)), "rows of at least four numbers"),
            (np.ones((2, 2, 4)), "rows of at least four numbers"),
            (np.ones((2, 4)) * 1j, "rows of at least four numbers"),
            (np.array([True, False]), "holds a logical; rows of numbers"),
        ],
    )
    def test_other_contents_are_one_line(self, folder: Path, value: Any, told: str) -> None:
        source = labelled(folder, "itcvd", self.saved(x00001=value))
        assert told in refused("itcvd", source)

    def test_what_else_is_in_the_file_is_not_read(self, folder: Path) -> None:
        more = {"cells": np.array([[1, "a"], ["b", 2]], dtype=object), "zeros": np.zeros(10**6)}
        boxes = np.array([[5.0, 5, 25, 15]])
        report, problems = converted(
            "itcvd", labelled(folder, "itcvd", self.saved(x00001=boxes, **more))
        )
        assert (report.of("train").vehicles, problems) == (1, [])

    def test_what_is_packed_in_a_few_bytes_stays_packed(self, folder: Path) -> None:
        bomb = self.saved(x00001=np.zeros((4 * 10**5, 4)))
        assert len(bomb) < 20_000
        told = refused("itcvd", labelled(folder, "itcvd", bomb))
        assert "holds 400000 x 4 numbers; 1000000 at most" in told

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x89HDF\r\n\x1a\n" + bytes(500),
            b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400) + b"\x89HDF\r\n\x1a\n",
            b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x11\0\0\0\xff\xff\xff\x7f",
            b"\0\0\0\0" + struct.pack("<iiii", 2**31 - 1, 2**31 - 1, 0, 7) + b"x00001\0",
            pickle.dumps(Evil()),
        ],
    )
    def test_other_files_are_one_line(self, folder: Path, content: bytes) -> None:
        told = refused("itcvd", labelled(folder, "itcvd", content))
        assert "cannot be read as a MATLAB file" in told or "has no variable x00001" in told


class TestVectors:
    """Features that GDAL reads and shapely does not."""

    @pytest.mark.parametrize(
        "feature",
        [
            '{"type":"Polygon","coordinates":[[[130001,454998],[1e99,454998],[130002,454999]]]}',
            '{"type":"Polygon","coordinates":[[[130001,454998],[130002,454998]]]}',
            '{"type":"Polygon","coordinates":[[[1e300,1e300],[2e300,1e300],[1,2e300],[1e300,1e300]]]}',
            '{"type":"GeometryCollection","geometries":[]}',
            '{"type":"Point","coordinates":[]}',
            "null",
        ],
    )
    def test_a_hostile_feature_is_left_out(
        self, tmp_path: Path, make_raster: Any, feature: str
    ) -> None:
        good = '{"type":"Point","coordinates":[130002,454998]}'
        one = '{"type":"Feature","properties":{"type":"car","x":"[[["},"geometry":%s}'
        features = ",".join(one % shape for shape in (good, feature))
        crs = '{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::28992"}}'
        (tmp_path / "v").mkdir()
        make_raster("v/ortho.tif")
        (tmp_path / "v" / "a.geojson").write_text(
            f'{{"type":"FeatureCollection","crs":{crs},"features":[{features}]}}'
        )
        report, problems = converted("vectors", tmp_path / "v")
        assert report.of("train").vehicles == 1
        assert any("feature 1" in one for one in problems)


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    """Small files of weights; a backbone of three layers is in them."""
    return dict(fuzzer("checkpoints").checkpoints())


NET = "net.safetensors"


class TestWeights:
    @pytest.fixture(autouse=True)
    def small(self, tiny: SimpleNamespace) -> None:
        """Have a backbone of three layers."""

    def refused(self, path: Path) -> str:
        """Return the line that refuses weights."""
        with pytest.raises(GeoVehicleError) as caught:
            load_detector(path, DetectSettings(device="cpu"))
        assert caught.value.exit_code == 3
        told = str(caught.value)
        assert str(path) in told
        assert "\n" not in told
        assert len(told) < 500
        return told

    def test_the_sound_ones_are_taken(self, sound: dict[str, bytes], tmp_path: Path) -> None:
        for name, content in sound.items():
            (tmp_path / name).write_bytes(content)
            assert load_detector(tmp_path / name, DetectSettings(device="cpu"))

    @pytest.mark.parametrize(
        "name", ["net.safetensors", "net.pt", "net.pth", "net.bin", "net.onnx"]
    )
    @pytest.mark.parametrize("form", ["pickle", "torch", "numpy", "legacy"])
    def test_a_pickle_is_never_opened_whatever_its_name(
        self, tmp_path: Path, name: str, form: str
    ) -> None:
        path = tmp_path / name
        if form == "pickle":
            path.write_bytes(pickle.dumps(Evil()))
        elif form == "numpy":
            with path.open("wb") as stream:
                np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
        else:
            torch.save({"a": Evil()}, path, _use_new_zipfile_serialization=form == "torch")
        self.refused(path)

    @pytest.mark.parametrize(
        "head",
        [
            struct.pack("<Q", 2**63) + b"{}",
            struct.pack("<Q", 2**64 - 1),
            struct.pack("<Q", 15 * 2**20),
            struct.pack("<Q", 2) + b"[]",
            struct.pack("<Q", 4) + b"null",
            struct.pack("<Q", 9) + b"\xff" * 9,
            struct.pack("<Q", 100_000) + b"[" * 100_000,
            struct.pack("<Q", 100_000) + b'{"a":' * 20_000,
            struct.pack("<Q", 10_002) + b"[" + b"9" * 10_000 + b"]",
            struct.pack("<Q", 0),
            b"",
            b"PK\x03\x04",
            b"\x93NUMPY",
        ],
    )
    def test_an_absurd_header_is_refused(self, tmp_path: Path, head: bytes) -> None:
        path = tmp_path / "a.safetensors"
        path.write_bytes(head)
        assert "not a safetensors file" in self.refused(path) or "no detector" in self.refused(path)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"shape": [2**40, 2**40]}, "is damaged"),
            ({"shape": [-1]}, "is damaged"),
            ({"shape": []}, "is damaged"),
            ({"shape": [16, 9, 5, 5]}, "is damaged"),
            ({"shape": [8, 16, 5, 5]}, "does not fit its own description"),
            ({"dtype": "I16"}, "of another kind"),
            ({"dtype": "F64"}, "is damaged"),
            ({"dtype": "OBJECT"}, "is damaged"),
            ({"dtype": None}, "is damaged"),
            ({"data_offsets": [0, 2**62]}, "is damaged"),
            ({"data_offsets": [-8, 8]}, "is damaged"),
            ({"data_offsets": [6400, 0]}, "is damaged"),
            ({"data_offsets": "all"}, "is damaged"),
        ],
    )
    def test_a_lying_header_is_refused(
        self, sound: dict[str, bytes], tmp_path: Path, change: dict[str, Any], told: str
    ) -> None:
        def lie(header: dict[str, Any]) -> None:
            header["backbone.backbone.middle.0.weight"] |= change

        assert told in self.refused(relabelled(tmp_path, sound[NET], lie))

    def test_tensors_that_overlap_are_refused(
        self, sound: dict[str, bytes], tmp_path: Path
    ) -> None:
        def overlap(header: dict[str, Any]) -> None:
            first, second = [key for key in header if key != "__metadata__"][:2]
            header[second] = header[first]

        assert "is damaged" in self.refused(relabelled(tmp_path, sound[NET], overlap))

    @pytest.mark.parametrize("name", ["", "one.more", "backbone", "../x"])
    def test_other_tensors_are_refused(
        self, sound: dict[str, bytes], tmp_path: Path, name: str
    ) -> None:
        tensors = load(sound[NET])
        path = tmp_path / NET
        path.write_bytes(save({**tensors, name: torch.zeros(1)}, metadata_of(sound[NET])))
        assert "does not fit its own description" in self.refused(path)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_numbers_that_are_not_finite_are_refused(
        self, sound: dict[str, bytes], tmp_path: Path, value: float
    ) -> None:
        tensors = load(sound[NET])
        tensors["rpn.head.conv.weight"][0, 0, 0, 0] = value
        path = tmp_path / NET
        path.write_bytes(save(tensors, metadata_of(sound[NET])))
        assert "not finite" in self.refused(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"anchor_sizes": [10] * 10**5},
            {"anchor_sizes": [10**9]},
            {"anchor_sizes": []},
            {"anchor_sizes": ["24"]},
            {"anchor_sizes": 24},
            {"anchor_ratios": [0, 1, 2]},
            {"anchor_ratios": [math.nan, 1, 2]},
            {"rpn_channels": 10**12},
            {"rpn_channels": -8},
            {"rpn_channels": 8.0},
            {"rpn_channels": "8"},
            {"rpn_channels": 16},
            {"feature_channels": 10**5, "head_channels": 10**5},
            {"conv5_channels": 24},
            {"roi_size": 10**5},
            {"roi_size": 1000, "rpn_top_n": 1000},
            {"rpn_top_n": 10**12},
            {"detections_per_patch": -1},
            {"score_threshold": 5},
            {"score_threshold": None},
            {"nms_iou": math.nan},
            {"prior": 2},
            {"prior": 0},
            {"oriented": "yes"},
            {"oriented": False},
            {"types": ["car"] * 5},
            {"backbone": "/etc/passwd"},
            {"backbone": {"__class__": "x"}},
            {"no_such": 1},
        ],
        ids=lambda change: ",".join(change),
    )
    def test_a_lying_configuration_is_refused(
        self, sound: dict[str, bytes], tmp_path: Path, change: dict[str, Any]
    ) -> None:
        def lie(header: dict[str, Any]) -> None:
            told = header["__metadata__"]
            told["config"] = json.dumps(json.loads(told["config"]) | change)

        told = self.refused(relabelled(tmp_path, sound[NET], lie))
        assert "damaged description" in told or "does not fit its own description" in told

    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("format_version", "2", "has format 2, this version reads 1; use the version of"),
            ("format_version", "9" * 10**6, "this version reads 1"),
            ("format", "geovehicle", "holds no detector"),
            ("config", "[" * 100_000, "damaged description"),
            ("config", "[]", "damaged description"),
            ("classes", "{}", "damaged description"),
            ("classes", json.dumps(["x"] * 10**5), "does not fit its own description"),
            ("provenance", "7", "damaged description"),
            ("gsd", "1e-9", "damaged description"),
            ("gsd", "1e9", "damaged description"),
            ("gsd", "inf", "damaged description"),
            ("gsd", "x" * 10**5, "damaged description"),
            ("licence", None, "damaged description"),
        ],
    )
    def test_a_lying_description_is_refused(
        self, sound: dict[str, bytes], tmp_path: Path, key: str, value: Any, told: str
    ) -> None:
        def lie(header: dict[str, Any]) -> None:
            header["__metadata__"][key] = value

        assert told in self.refused(relabelled(tmp_path, sound[NET], lie))

    @pytest.mark.parametrize(
        "change",
        [{"scales": [1e-6]}, {"cell": 10**9}, {"orientations": None}, {"windows": [[1e9, 6]]}],
        ids=lambda change: ",".join(change),
    )
    def test_so_is_that_of_the_baseline(
        self, sound: dict[str, bytes], tmp_path: Path, change: dict[str, Any]
    ) -> None:
        def lie(header: dict[str, Any]) -> None:
            told = header["__metadata__"]
            told["config"] = json.dumps(json.loads(told["config"]) | change)

        self.refused(relabelled(tmp_path, sound["svm.safetensors"], lie))

    def test_tampered_default_weights_are_refused_by_their_digest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tampered = bytearray(checkpoint.shipped_path(DEFAULT).read_bytes())
        tampered[-1] ^= 1
        (tmp_path / "tampered").write_bytes(tampered)
        monkeypatch.setattr(checkpoint, "shipped_path", lambda name: tmp_path / "tampered")
        for use in (load_detector, describe):
            with pytest.raises(CheckpointError, match="missing or altered; install geovehicle"):
                use(DEFAULT)


def metadata_of(content: bytes) -> dict[str, str]:
    (length,) = struct.unpack("<Q", content[:8])
    return dict(json.loads(content[8 : 8 + length])["__metadata__"])


def relabelled(folder: Path, content: bytes, lie: Callable[[dict[str, Any]], None]) -> Path:
    """Write weights with another header."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    lie(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = folder / NET
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return path


class TestOnnx:
    @pytest.fixture
    def onnx(self) -> Any:
        return pytest.importorskip("onnx")

    def model(self, onnx: Any, outputs: int = 3, **told: str) -> Any:
        """Return a graph that answers nothing useful, and says it is a detector."""
        helper, kinds = onnx.helper, onnx.TensorProto
        names = ["places", "scores", "labels", "types"][:outputs]
        tensor = helper.make_tensor("zeros", kinds.FLOAT, [1], b"\0\0\0\0", raw=True)
        nodes = [helper.make_node("Identity", ["zeros"], [name]) for name in names]
        inputs = [
            helper.make_tensor_value_info("image", kinds.UINT8, [3, None, None]),
            helper.make_tensor_value_info("size", kinds.INT64, [2]),
        ]
        results = [helper.make_tensor_value_info(name, kinds.FLOAT, [1]) for name in names]
        graph = helper.make_graph(nodes, "g", inputs, results, [tensor])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 9
        from geovehicle.runtimes.onnx_file import FORMAT
        from geovehicle.settings import DEFAULT_DETECTOR

        config = json.dumps(asdict(replace(DEFAULT_DETECTOR, types=())))
        about = {"format": FORMAT, "format_version": "1", "config": config, "gsd": "0.1"}
        about |= {"classes": '["vehicle"]', "licence": "", "provenance": "{}"}
        helper.set_model_props(model, about | told)
        return model

    def write(self, model: Any, path: Path) -> Path:
        path.write_bytes(model.SerializeToString())
        return path

    @pytest.mark.parametrize("keep", [0, 1, 10, 100])
    def test_one_that_is_cut_is_refused(self, onnx: Any, tmp_path: Path, keep: int) -> None:
        path = self.write(self.model(onnx), tmp_path / "a.onnx")
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(CheckpointError, match=r"not an ONNX file|no detector of this version"):
            load_detector(path)

    @pytest.mark.parametrize("place", ["/etc/passwd", "../../secret", "secret", ""])
    @pytest.mark.parametrize("where", ["tensor", "constant"])
    def test_other_files_are_not_read(
        self, onnx: Any, tmp_path: Path, place: str, where: str
    ) -> None:
        (tmp_path / "secret").write_bytes(bytes(100))
        model = self.model(onnx)
        tensor = model.graph.initializer[0]
        if where == "constant":
            node = onnx.helper.make_node("Constant", [], ["more"], value=tensor)
            tensor = node.attribute[0].t
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        if where == "constant":
            model.graph.node.append(node)
        with pytest.raises(CheckpointError, match="wants to read other files"):
            load_detector(self.write(model, tmp_path / "a.onnx"))

    @pytest.mark.parametrize(
        "told",
        [
            {"config": "[" * 100_000},
            {"config": '{"anchor_sizes": 5}'},
            {"classes": "[]"},
            {"gsd": "0"},
            {"gsd": "nan"},
        ],
    )
    def test_a_lying_description_is_refused(
        self, onnx: Any, tmp_path: Path, told: dict[str, str]
    ) -> None:
        path = self.write(self.model(onnx, **told), tmp_path / "a.onnx")
        with pytest.raises(CheckpointError, match="damaged description"):
            load_detector(path)

    @pytest.mark.parametrize("outputs", [1, 2, 3, 4])
    def test_a_graph_that_answers_something_else_is_refused(
        self, onnx: Any, tmp_path: Path, outputs: int
    ) -> None:
        pytest.importorskip("onnxruntime")
        path = self.write(self.model(onnx, outputs), tmp_path / "a.onnx")
        from geovehicle.raster.source import Patch

        patch: Any = Patch(np.zeros((3, 64, 64), np.uint8), np.ones((64, 64), bool), None)  # type: ignore[arg-type]
        with pytest.raises(CheckpointError, match=r"does not answer as its description says"):
            load_detector(path, DetectSettings(device="cpu"))([patch])
