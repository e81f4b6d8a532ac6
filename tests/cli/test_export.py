from __future__ import annotations

import json

import pytest


def test_the_file_is_told_and_then_described(run, monkeypatch, tmp_path):
    def export(output, weights, settings, calibration):
        output.write_bytes(b"a network" * 100_000)

    monkeypatch.setattr("geovehicle.exporting.export", export)
    result = run("export", "-o", tmp_path / "a.onnx")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"0.9 MB → {tmp_path / 'a.onnx'}\n"
    told = json.loads(run("export", "-o", tmp_path / "b.onnx", "--json").stdout)
    assert (told["output"], told["bytes"]) == (str(tmp_path / "b.onnx"), 900_000)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "a.pt"], 4, "another suffix than .onnx"),
        (["-o", "a.onnx", "--calibrate", "b.json"], 2, "with --quantize int8 only"),
        (["-o", "a.onnx", "--patches", "9"], 2, "with --quantize int8 only"),
        (["-o", "a.onnx", "--seed", "9"], 2, "with --quantize int8 only"),
        (["-o", "a.onnx", "--weights", "b.onnx"], 3, "b.onnx is an export already"),
        (["-o", "none/a.onnx"], 4, "there is no folder"),
        (["-o", "a.onnx", "--weights", "none"], 3, "neither a file nor one of the names"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run, monkeypatch, tmp_path, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    result = run("export", *arguments)
    assert (result.exit_code, list(tmp_path.iterdir())) == (code, [])
    assert message in result.stderr


def test_an_existing_file_stays(run, tmp_path):
    (tmp_path / "a.onnx").write_text("older")
    result = run("export", "-o", tmp_path / "a.onnx")
    assert (result.exit_code, (tmp_path / "a.onnx").read_text()) == (4, "older")
