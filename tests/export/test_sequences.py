from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
import shapely

from geovehicle.errors import OutputError
from geovehicle.export import sequences
from geovehicle.export.destinations import Destination
from geovehicle.export.writers import LayerWriter, check_layer, check_target, write


class Stream(io.BytesIO):
    """Standard output that can break."""

    error: OSError | None = None

    def write(self, data):
        if self.error:
            raise self.error
        return super().write(data)


@pytest.fixture
def stdout(monkeypatch) -> Stream:
    stream = Stream()
    # pytest has a stdout of its own
    monkeypatch.setattr(sequences, "sys", SimpleNamespace(stdout=SimpleNamespace(buffer=stream)))
    return stream


def test_each_feature_is_a_text_of_its_own(stdout, make_layer):
    frame = make_layer()
    write(frame, "-")
    texts = stdout.getvalue().split(b"\x1e")
    assert texts[0] == b""
    assert all(text.endswith(b"\n") and text.count(b"\n") == 1 for text in texts[1:])
    features = [json.loads(text) for text in texts[1:]]
    assert [one["type"] for one in features] == ["Feature"] * 3
    for feature, (_, row) in zip(features, frame.to_crs(4326).iterrows(), strict=True):
        assert feature["properties"]["source"] == row["source"]
        assert (feature["properties"]["length_m"] is None) == (row["id"] == 1)
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shape.exterior.is_ccw
        assert shape.normalize().equals_exact(row.geometry.normalize(), 1e-8)


def test_rows_come_as_they_are_there(stdout, make_layer):
    with LayerWriter("-") as writer:
        writer.append(make_layer(0))
        assert stdout.getvalue() == b""
        for number in range(1, 4):
            writer.append(make_layer(2))
            assert stdout.getvalue().count(b"\x1e") == 2 * number
    ids = [json.loads(text)["properties"]["id"] for text in stdout.getvalue().split(b"\x1e")[1:]]
    assert ids == [1, 2, 3, 4, 5, 6]


def test_no_rows_are_no_texts(stdout, make_layer):
    write(make_layer(0), "-")
    assert stdout.getvalue() == b""


def test_what_geojson_cannot_hold_is_told_before_the_work(stdout, make_layer):
    check_target("-")
    with pytest.raises(OutputError, match="standard output has to be in WGS 84 but the layer has"):
        check_layer(make_layer(0, None), Destination("-"))


def test_where_nobody_reads_is_for_the_command_line_to_say(stdout, make_layer):
    stdout.error = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        write(make_layer(), "-")
    stdout.error = OSError(28, "No space left")
    with pytest.raises(OutputError, match="cannot write to standard output: No space left"):
        write(make_layer(), "-")


def test_a_stdout_without_bytes_is_told(monkeypatch, make_layer):
    monkeypatch.setattr(sequences, "sys", SimpleNamespace(stdout=io.StringIO()))
    with pytest.raises(OutputError, match="takes no bytes here; write to a file"):
        write(make_layer(), "-")
