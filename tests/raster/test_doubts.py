from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from geovehicle.georeference import GeoGrid
from geovehicle.patches import PatchWindow, plan
from geovehicle.raster import doubts
from geovehicle.raster.doubts import (
    called_infrared,
    contradiction,
    doubts_about,
    false_colours,
    flat,
    grey,
    oblique,
    odd_stretch,
    scale,
    skew,
)
from geovehicle.raster.rasterio_source import open_raster
from geovehicle.raster.source import Stretch

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GSD = 0.10


def _kinds(path: Path, chosen: bool = False, **options: Any) -> list[str]:
    with open_raster(path, GSD, **options) as source:
        windows = plan(source.grid.width, source.grid.height, 1536, 200)
        return [doubt.kind for doubt in doubts_about(source, windows, chosen)]


def _scene(height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    """Return grass, a street and a red roof."""
    noise = np.random.default_rng(0).integers(0, 30, (3, height, width))
    colours = np.array([[70, 100, 60]]).T[:, :, None] + noise
    colours[:, 40:60] = 90 + noise[:, 40:60]
    colours[:, 80:100, 20:60] = np.array([[150, 80, 60]]).T[:, :, None]
    return colours.astype(np.uint8)


def _infrared() -> NDArray[np.uint8]:
    """Return the same in near infrared, red and green."""
    red, green, _ = _scene()
    infrared = np.where(green > red, 200, red)
    return np.stack([infrared, red // 2 + 10, np.maximum(green // 2 + 15, red // 2 + 10)])


class TestRealImagery:
    """No warning about imagery as it should be."""

    def test_orthophotos(self, shared_data: Path) -> None:
        paths = sorted((shared_data / "ortho").glob("*.tif"))
        assert paths
        assert {path.name: _kinds(path) for path in paths} == {path.name: [] for path in paths}

    @pytest.mark.parametrize("source", ["crossing", "parking", "street"])
    def test_aerial_images(self, shared_data: Path, source: str) -> None:
        paths = sorted((shared_data / "vehicles" / "images" / source).glob("*.jpg"))[::40]
        assert paths
        assert not any(_kinds(path, source_gsd=0.08) for path in paths)


def test_a_sound_raster_leaves_no_doubt(make_raster: Any) -> None:
    assert _kinds(make_raster(pixels=_scene())) == []


class TestSize:
    """Pixels that no orthophoto for these weights has."""

    @pytest.mark.parametrize("gsd", [0.006, 0.1, 0.25, 0.3])
    def test_in_range(self, gsd: float) -> None:
        assert scale((gsd, gsd), GSD) is None

    @pytest.mark.parametrize(("gsd", "kind"), [(0.31, "coarse"), (0.004, "fine")])
    def test_out_of_range(self, gsd: float, kind: str) -> None:
        doubt = scale((gsd, gsd), GSD)
        assert doubt
        assert doubt.kind == kind
        assert f"pixels of {gsd:g} m" in doubt.text

    def test_it_is_that_of_the_raster(self, make_raster: Any) -> None:
        assert _kinds(make_raster(pixels=_scene(), gsd=(0.5, 0.5))) == ["coarse"]

    def test_a_finer_search_makes_no_finer_raster_true(self, make_raster: Any) -> None:
        with open_raster(make_raster(pixels=_scene(), gsd=(0.0045, 0.0045)), (0.05, GSD)) as source:
            (doubt,) = doubts_about(source, [], chosen=True)[:1]
        assert doubt.kind == "fine"


class TestContradiction:
    """``--gsd`` and the CRS."""

    @pytest.mark.parametrize("given", [0.0901, 0.1, 0.1099])
    def test_they_may_differ_by_a_tenth(self, given: float) -> None:
        assert contradiction((given, given), (0.1, 0.1)) is None

    @pytest.mark.parametrize("given", [0.089, 0.111, 1.0])
    def test_and_not_by_more(self, given: float) -> None:
        doubt = contradiction((given, given), (0.1, 0.1))
        assert doubt
        assert f"--gsd says {given:g} m" in doubt.text
        assert "pixels of 0.1 m by its CRS" in doubt.text

    def test_without_either_there_is_none(self) -> None:
        assert contradiction(None, (0.1, 0.1)) is None
        assert contradiction((0.1, 0.1), None) is None

    def test_of_a_raster(self, make_raster: Any) -> None:
        path = make_raster(pixels=_scene())
        assert _kinds(path, source_gsd=0.12) == ["contradiction"]
        assert _kinds(path, source_gsd=0.105) == []
        nowhere = make_raster("nowhere.tif", pixels=_scene(), crs=None, located=False)
        assert _kinds(nowhere, source_gsd=0.12) == []


class TestView:
    """From the side, or skewed."""

    def _grid(self, *transform: float, crs: str = "EPSG:28992") -> GeoGrid:
        return GeoGrid(100, 100, Affine(*transform), CRS.from_string(crs))

    def test_square_and_turned_pixels_are_sound(self) -> None:
        for sides in ((0.1, 0, 0, 0, -0.1, 0), (0.08, 0.06, 0, 0.06, -0.08, 0)):
            assert skew(self._grid(*sides), (0.1, 0.1)) is None

    def test_degrees_in_the_north_are_long(self) -> None:
        grid = self._grid(1e-6, 0, 20, 0, -1e-6, 70, crs="EPSG:4326")
        assert skew(grid, (0.038, 0.111)) is None

    def test_long_and_skewed_ones_are_doubtful(self) -> None:
        long = skew(self._grid(0.1, 0, 0, 0, -0.4, 0), (0.1, 0.4))
        assert long
        assert "4 times as long" in long.text
        skewed = skew(self._grid(0.1, 0.05, 0, 0, -0.1, 0), (0.1, 0.112))
        assert skewed
        assert "27 degrees off" in skewed.text

    @pytest.mark.parametrize("pitch", ["-90.00", "-80", "+90", "-104.5"])
    def test_a_camera_that_looks_down(self, pitch: str) -> None:
        assert oblique(f'<x drone-dji:GimbalPitchDegree="{pitch}" />') is None
        assert oblique("") is None

    @pytest.mark.parametrize(("pitch", "off"), [("-45.00", 45), ("0.0", 90), ("-70", 20)])
    def test_a_camera_that_does_not(self, pitch: str, off: int) -> None:
        element = f"<drone-dji:GimbalPitchDegree>{pitch}</drone-dji:GimbalPitchDegree>"
        for text in (f'<x drone-dji:GimbalPitchDegree="{pitch}" />', element):
            doubt = oblique(text)
            assert doubt
            assert f"{off} degrees off the vertical" in doubt.text

    def test_it_is_read_from_the_file(self, make_raster: Any) -> None:
        import rasterio

        path = make_raster(pixels=_scene())
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(ns="xml:XMP", **{"xml:XMP": '<x GimbalPitchDegree="-30.0"/>'})
        assert _kinds(path) == ["oblique"]


class TestColours:
    """What is not red, green and blue."""

    def test_near_infrared_first(self, make_raster: Any) -> None:
        assert _kinds(make_raster(pixels=_infrared())) == ["false colours"]

    def test_the_user_may_know(self, make_raster: Any) -> None:
        assert _kinds(make_raster(pixels=_infrared()), chosen=True) == []

    @pytest.mark.parametrize("soil", [(190, 110, 80), (170, 90, 60), (200, 120, 119)])
    def test_red_soil_is_none(self, soil: tuple[int, int, int]) -> None:
        sample = np.repeat(np.array([soil], np.uint8).T, 100, axis=1)
        assert false_colours(sample) is None

    @pytest.mark.parametrize("name", ["NIR", "nir_1", "Near Infrared", "near-infrared band", "IR"])
    def test_a_name(self, name: str) -> None:
        assert called_infrared(("red", name))

    @pytest.mark.parametrize("name", ["red", "undefined", "Band 1", "fir trees", "irrigation"])
    def test_other_names(self, name: str) -> None:
        assert called_infrared((name,)) is None

    def test_by_description_and_by_interpretation(self, make_raster: Any) -> None:
        import rasterio

        nir = ColorInterp.nir
        path = make_raster(pixels=_scene(), colours=[nir, ColorInterp.red, ColorInterp.green])
        assert _kinds(path) == ["infrared"]
        path = make_raster("named.tif", pixels=_scene())
        with rasterio.open(path, "r+") as raster:
            raster.descriptions = ("NIR", "Red", "Green")
        assert _kinds(path) == ["infrared"]

    def test_no_colours(self, make_raster: Any) -> None:
        one = make_raster("one.tif", pixels=_scene()[:1])
        three = make_raster("three.tif", pixels=np.repeat(_scene()[:1], 3, axis=0))
        assert _kinds(one) == _kinds(three) == ["grey"]
        assert _kinds(one, chosen=True) == []
        assert grey(_scene().reshape(3, -1)) is None


class TestEmptiness:
    """What shows nothing."""

    def test_one_colour(self, make_raster: Any) -> None:
        pixels = np.random.default_rng(0).integers(254, 256, (3, 300, 300)).astype(np.uint8)
        assert _kinds(make_raster(pixels=pixels)) == ["empty"]

    def test_one_band(self) -> None:
        sample = _scene().reshape(3, -1)
        sample[2] = 255
        doubt = flat(sample)
        assert doubt
        assert "third of the bands" in doubt.text

    def test_an_island_in_the_sea(self, make_raster: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(doubts, "SAMPLE_SIDE", 16)
        pixels = np.full((3, 500, 500), 200, np.uint8)
        pixels[:, 220:240, 100:160] = _scene()[:, :20, :60]
        path = make_raster(pixels=pixels)
        with open_raster(path, GSD) as source:
            windows = plan(500, 500, 64, 0)
            assert doubts_about(source, windows, chosen=False) == ()

    def test_nothing_valid_is_told_after_the_search(self, make_raster: Any) -> None:
        assert _kinds(make_raster(pixels=_scene() * 0 + 9, nodata=9)) == []

    def test_nothing_to_search_and_damage_are_no_doubt(self, make_raster: Any) -> None:
        path = make_raster(pixels=_scene())
        path.write_bytes(path.read_bytes()[:20_000])
        with open_raster(path, GSD) as source:
            assert doubts_about(source, (), chosen=False) == ()
            window = PatchWindow(0, 0, 160, 120, (0, 0, 160, 120))
            assert doubts_about(source, (window,), chosen=False) == ()


class TestStretch:
    """What a linear stretch makes of it."""

    def _doubt(self, values: NDArray[np.number]) -> Any:
        valid = np.ones(values.shape[1:], bool)
        return odd_stretch(values.reshape(len(values), -1), Stretch.estimate(values, valid))

    def test_an_image_is_sound(self) -> None:
        assert self._doubt(_scene().astype(np.uint16) * 40) is None

    def test_saturated_roofs_are_sound(self) -> None:
        values = _scene().astype(np.uint16) * 40
        values[:, :30] = 65535 // 16
        assert self._doubt(values) is None

    @pytest.mark.parametrize("fill", [65535.0, -9999.0])
    def test_a_fill_value_squeezes_the_rest(self, fill: float) -> None:
        values = _scene().astype(np.float32) * 4
        values[:, :30] = fill
        doubt = self._doubt(values)
        assert doubt
        assert doubt.kind == "fill"
        assert f"the value {fill:g} in 25% of it" in doubt.text
        assert f"-a_nodata {fill:g}" in doubt.text

    def test_classes_are_no_image(self) -> None:
        doubt = self._doubt(np.random.default_rng(0).integers(1, 9, (1, 50, 50), np.uint16))
        assert doubt
        assert "8 different values" in doubt.text

    def test_of_a_raster(self, make_raster: Any) -> None:
        values = _scene().astype(np.uint16) * 4
        values[:, :30] = 65535
        assert _kinds(make_raster(pixels=values)) == ["fill"]
        assert _kinds(make_raster("told.tif", pixels=values, nodata=65535)) == []
