from __future__ import annotations

import json

import pytest


@pytest.fixture
def crowded(dataset):
    """The data set of the other commands, all whose boxes are ignore boxes with a gsd."""
    content = json.loads(dataset.read_text())
    for one in content["annotations"]:
        one["iscrowd"] = 1
    for one in content["images"]:
        one["gsd"] = 0.1
    dataset.write_text(json.dumps(content))
    return dataset


def test_the_whole_way(run, weights, crowded):
    new = crowded.with_name("new.json")
    result = run("label", crowded, "-o", new, "--weights", weights)
    assert result.exit_code == 0, result.stderr
    content = json.loads(new.read_text())
    labels = sum(not one["iscrowd"] for one in content["annotations"])
    assert result.stdout == f"{labels} of 2 ignore boxes became labels → {new}\n"
    assert [image["file_name"] for image in content["images"]] == ["a.png", "b.png"]


def test_footprints_are_another_change(run, dataset):
    content = json.loads(dataset.read_text())
    for one in content["images"]:
        one["gsd"] = 0.1
    dataset.write_text(json.dumps(content))
    new = dataset.with_name("new.json")
    arguments = ("label", dataset, "-o", new, "--footprints")
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    labels = json.loads(new.read_text())["annotations"]
    outlined = sum("self_outlined" in one for one in labels)
    assert result.stdout == f"{outlined} of {len(labels)} labels got footprints → {new}\n"
    (summary,) = map(json.loads, run(*arguments, "--overwrite", "--json").stdout.splitlines())
    assert summary["footprints"] + summary["without"] == len(labels)
    assert (summary["footprints"], summary["output"]) == (outlined, str(new))


def test_horizontal_weights_are_one_line(run, weights, dataset):
    new = dataset.with_name("new.json")
    arguments = ("-o", new, "--weights", weights, "--gsd", 0.1, "--footprints")
    result = run("label", dataset, *arguments)
    assert result.exit_code == 3
    assert "horizontal boxes only" in result.stderr
    assert "such as vehicles-10cm" in result.stderr
    assert not new.exists()


def test_json_is_a_summary_and_events(run, weights, crowded):
    new = crowded.with_name("new.json")
    result = run("label", crowded, "-o", new, "--weights", weights, "--json")
    (summary,) = map(json.loads, result.stdout.splitlines())
    assert summary["labels"] + summary["ignored"] == 2
    assert summary["output"] == str(new)
    last = json.loads(result.stderr.splitlines()[-1])
    assert (last["event"], last["done"], last["total"]) == ("progress", 2, 2)


def test_a_file_elsewhere_would_lose_its_images(run, weights, crowded, tmp_path):
    (tmp_path / "other").mkdir()
    result = run("label", crowded, "-o", tmp_path / "other" / "new.json", "--weights", weights)
    assert result.exit_code == 2
    assert "beside" in result.stderr


def test_an_older_file_stays(run, weights, crowded):
    new = crowded.with_name("new.json")
    new.write_text("older")
    result = run("label", crowded, "-o", new, "--weights", weights)
    assert result.exit_code == 4
    assert "--overwrite" in result.stderr
    assert new.read_text() == "older"
    assert run("label", crowded, "-o", new, "--weights", weights, "--overwrite").exit_code == 0
    assert json.loads(new.read_text())


def test_half_a_letter_is_kept(run, weights, crowded):
    content = json.loads(crowded.read_text())
    content["images"][0]["source"] = "stra\udcdfe"
    crowded.write_text(json.dumps(content))
    new = crowded.with_name("new.json")
    result = run("label", crowded, "-o", new, "--weights", weights)
    assert result.exit_code == 0, result.stderr
    assert json.loads(new.read_text())["images"][0]["source"] == "stra\udcdfe"


def test_a_damaged_data_set_is_one_line(run, weights, tmp_path):
    (tmp_path / "labels.json").write_text("{")
    result = run("label", tmp_path / "labels.json", "-o", tmp_path / "n.json", "--weights", weights)
    assert result.exit_code == 3
    assert "is not JSON" in result.stderr
    assert not (tmp_path / "n.json").exists()
