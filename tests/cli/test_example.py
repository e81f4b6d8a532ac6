from __future__ import annotations

import geopandas as gpd
import pytest
import rasterio


def test_a_raster_and_its_truth_beside_it(run, tmp_path):
    raster, truth = tmp_path / "city.tif", tmp_path / "city.gpkg"
    result = run("example", raster, "--size", 256, "--seed", 3)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert str(raster) in result.stdout
    assert str(truth) in result.stdout
    with rasterio.open(raster) as dataset:
        assert (dataset.width, dataset.height, dataset.res) == (256, 256, (0.1, 0.1))
        assert gpd.read_file(truth).crs == dataset.crs


def test_the_seed_decides(run, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run("example", tmp_path / f"{name}.tif", "--size", 64, "--seed", seed)
    pixels = {}
    for name in "abc":
        with rasterio.open(tmp_path / f"{name}.tif") as dataset:
            pixels[name] = dataset.read().tobytes()
    assert pixels["a"] == pixels["b"] != pixels["c"]


def test_the_truth_elsewhere(run, tmp_path):
    truth = tmp_path / "truth.gpkg"
    run("example", tmp_path / "city.tif", "--size", 64, "--truth", truth)
    assert truth.exists()
    assert not (tmp_path / "city.gpkg").exists()


@pytest.mark.parametrize("there", ["city.tif", "city.gpkg"])
def test_existing_files_are_kept(run, tmp_path, there):
    (tmp_path / there).write_text("old")
    result = run("example", tmp_path / "city.tif", "--size", 64)
    assert result.exit_code == 4
    assert f"{there} exists; add --overwrite" in result.stderr
    assert {file.name for file in tmp_path.iterdir()} == {there}
    assert (tmp_path / there).read_text() == "old"
    assert run("example", tmp_path / "city.tif", "--size", 64, "--overwrite").exit_code == 0


@pytest.mark.parametrize("names", [("city.png", "city.gpkg"), ("city.tif", "city.shp")])
def test_other_formats_are_refused(run, tmp_path, names):
    raster, truth = (tmp_path / name for name in names)
    result = run("example", raster, "--truth", truth)
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())
