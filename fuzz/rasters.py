"""Fuzzes the raster front: bytes that are nearly rasters, VRTs of a grammar, odd profiles.

``PROPERTIES`` has the strategies and what each example goes through; ``fuzz/run.py`` runs
them for minutes, ``tests/test_fuzz.py`` for seconds.

Nothing is guided by coverage: what takes the bytes apart is GDAL, in which a tool for Python
sees nothing.  Seeds of all kinds and a grammar stand in for it.
"""

from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from hypothesis import strategies as st
from isolation import check
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from geovehicle.doubts import Doubt
from geovehicle.errors import GeoVehicleError
from geovehicle.patches import PatchWindow
from geovehicle.raster.doubts import doubts_about
from geovehicle.raster.rasterio_source import RasterioSource, open_raster

GSD = 0.1

PLACE = {"crs": "EPSG:28992", "transform": Affine(0.1, 0, 130_000, 0, -0.1, 455_000)}

NUMBERS = (0, 1, 2, 3, 7, 8, 15, 255, 256, 32_767, 32_768, 65_535, 65_536,
           2**31 - 1, 2**31, 2**32 - 1)  # fmt: skip
"""Where counting goes wrong."""

TEXTS = ("0", "1", "-1", "0.1", "-0.1", "nan", "inf", "-inf", "1e308", "1e-308", "1e999",
         "130000", "2147483647", "4294967296", "-2147483648", "", " ", "x", "0x10", "1,5",
         "9" * 400)  # fmt: skip
"""Numbers as XML may have them."""


# Seeds


def _pixels(count: int = 3, dtype: str = "uint8", side: int = 48) -> np.ndarray:
    noise = np.random.default_rng(0).integers(20, 120, (count, side, side))
    return noise.astype(dtype)


def _written(folder: Path, name: str, pixels: np.ndarray, **profile: Any) -> bytes:
    """Return the bytes of a raster."""
    path = folder / name
    colours = profile.pop("colours", None)
    options = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2]}
    overviews, mask = profile.pop("overviews", None), profile.pop("mask", None)
    gcps = profile.pop("gcps", None)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(path, "w", dtype=pixels.dtype, **options, **profile) as raster:
            raster.write(pixels)
            if colours:
                raster.write_colormap(1, colours)
            if mask is not None:
                raster.write_mask(mask)
            if gcps:
                raster.gcps = gcps, rasterio.crs.CRS.from_epsg(28992)
        if overviews:
            with rasterio.open(path, "r+") as raster:
                raster.build_overviews(overviews)
    return path.read_bytes()


@cache
def seeds() -> dict[str, bytes]:
    """Return small sound rasters of many kinds, by file names that tell the kinds."""
    tiled = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    points = [GroundControlPoint(row, col, 130_000 + col, 455_000 - row)
              for row, col in ((0, 0), (0, 40), (40, 0))]  # fmt: skip
    with TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        folder = Path(name)

        def make(name: str, pixels: np.ndarray | None = None, **profile: Any) -> bytes:
            return _written(folder, name, _pixels() if pixels is None else pixels, **profile)

        return {
            "plain.tif": make("plain.tif", **PLACE),
            "deflate.tif": make("deflate.tif", compress="deflate", predictor=2, **tiled, **PLACE),
            "jpeg.tif": make("jpeg.tif", compress="jpeg", photometric="ycbcr", **tiled, **PLACE),
            "lzw.tif": make("lzw.tif", compress="lzw", interleave="band", **PLACE),
            "big.tif": make("big.tif", BIGTIFF="YES", compress="zstd", **PLACE),
            "wide.tif": make("wide.tif", _pixels(4, "uint16"), nodata=0, **tiled, **PLACE),
            "float.tif": make("float.tif", _pixels(3, "float32"), nodata=np.nan, **PLACE),
            "int64.tif": make("int64.tif", _pixels(1, "int64"), **PLACE),
            "complex.tif": make("complex.tif", _pixels(1, "complex64"), **PLACE),
            "bits.tif": make("bits.tif", _pixels(1) // 64, NBITS=1, **PLACE),
            "palette.tif": make("palette.tif", _pixels(1), photometric="palette",
                                colours={n: (n, n, 9, 255) for n in range(256)}, **PLACE),
            "mask.tif": make("mask.tif", mask=np.eye(48, dtype=bool), **tiled, **PLACE),
            "overviews.tif": make("overviews.tif", overviews=[2, 4], **tiled, **PLACE),
            "gcps.tif": make("gcps.tif", gcps=points),
            "sparse.tif": make("sparse.tif", _pixels() * 0, SPARSE_OK="TRUE", **tiled, **PLACE),
            "lerc.tif": make("lerc.tif", _pixels(3, "float32"), compress="lerc", **PLACE),
            "scene.png": make("scene.png"),
            "scene.jpg": make("scene.jpg"),
            "scene.jp2": make("scene.jp2"),
            "scene.bmp": make("scene.bmp"),
            "scene.img": make("scene.img", **PLACE),
        }  # fmt: skip


# Strategies


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a raster some of whose bytes were changed."""
    name = draw(st.sampled_from(sorted(seeds())))
    content = bytearray(seeds()[name])
    for _ in range(draw(st.sampled_from([1, 1, 2, 2, 4]))):
        _mutate(draw, content)
    return name, bytes(content)


def _mutate(draw: st.DrawFn, content: bytearray) -> None:
    """Change something, mostly in the first kilobyte, where headers are."""
    if len(content) < 16:
        return
    end = draw(st.sampled_from([300, 1000, len(content)]))
    place = draw(st.integers(0, min(end, len(content)) - 1)) ^ 8  # rarely what the kind is told by
    place = min(place, len(content) - 1)
    kinds = ["tag", "tag", "tag", "flip", "flip", "byte", "number", "cut", "insert", "remove"]
    how = draw(st.sampled_from(kinds))
    if how == "flip":
        content[place] ^= 1 << draw(st.integers(0, 7))
    elif how == "byte":
        content[place] = draw(st.integers(0, 255))
    elif how == "number":
        packed = struct.pack(draw(st.sampled_from("<>")) + "I", draw(st.sampled_from(NUMBERS)))
        content[place : place + 4] = packed
    elif how == "tag":
        _lie(draw, content)
    elif how == "cut":
        del content[place:]
    elif how == "insert":
        content[place:place] = draw(st.binary(min_size=1, max_size=8))
    else:
        del content[place : place + draw(st.integers(1, 64))]


def _lie(draw: st.DrawFn, content: bytearray) -> None:
    """Change type, count or value of a tag of a classic little-endian TIFF."""
    if content[:4] != b"II*\0" or len(content) < 8:
        return
    (first,) = struct.unpack_from("<I", content, 4)
    if first + 2 > len(content):
        return
    (entries,) = struct.unpack_from("<H", content, first)
    entry = first + 2 + 12 * draw(st.integers(0, max(0, min(entries, 40) - 1)))
    if entry + 12 > len(content):
        return
    field, kind = draw(st.sampled_from([(2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")]))
    limit = 16 if field == 2 else 2**32 if kind == "I" else 2**16
    value = draw(st.sampled_from([one for one in NUMBERS if one < limit]))
    struct.pack_into("<" + kind, content, entry + field, value)


numbers = st.one_of(
    st.sampled_from(TEXTS),
    st.integers(-(2**33), 2**33).map(str),
    st.floats().map(repr),
    st.integers(0, 64).map(str),
)


def mostly(*sound: str, odd: st.SearchStrategy[str] = numbers) -> st.SearchStrategy[str]:
    """Return a strategy of texts that are sound nine times in ten."""
    return st.integers(0, 9).flatmap(lambda draw: odd if draw == 7 else st.sampled_from(sound))


@st.composite
def rectangles(draw: st.DrawFn, tag: str) -> str:
    """Draw a rectangle as a source of a VRT has it."""
    numbers = (("xOff", "0"), ("yOff", "0"), ("xSize", "48"), ("ySize", "48"))
    sides = (f'{name}="{draw(mostly(sound, "7"))}"' for name, sound in numbers)
    return f"<{tag} {' '.join(sides)}/>"


NAMES = ("seed.tif", "scene.vrt", "missing.tif", "/vsimem/x.tif", "/dev/null", "/vsistdin/", ".",
         "", "vrt://seed.tif?bands=1", "/vsizip/seed.tif", "&lt;VRTDataset/&gt;", "a&b",
         "GTIFF_DIR:9:seed.tif")  # fmt: skip

EXTRAS = ("<NoDataValue>{}</NoDataValue>", "<ColorInterp>{}</ColorInterp>", "<Scale>{}</Scale>",
          "<HideNoDataValue>1</HideNoDataValue>", "<Description>{}</Description>",
          "<PixelFunctionType>{}</PixelFunctionType>",
          "<SourceTransferType>{}</SourceTransferType>",
          "<ColorTable><Entry c1='{}' c2='1' c3='2' c4='255'/></ColorTable>",
          "<Metadata domain='IMAGE_STRUCTURE'><MDI key='NBITS'>{}</MDI></Metadata>",
          "<MaskBand><VRTRasterBand dataType='Byte'/></MaskBand>",
          "<Overview><SourceFilename>seed.tif</SourceFilename></Overview>",
          "<Histograms><HistItem><HistMin>{}</HistMin></HistItem></Histograms>")  # fmt: skip

SUBCLASSES = ("", "VRTSourcedRasterBand", "VRTDerivedRasterBand", "VRTRawRasterBand",
              "VRTWarpedRasterBand", "VRTPansharpenedRasterBand", "Nonsense")  # fmt: skip

TYPES = ("Byte", "Int8", "UInt16", "Int16", "UInt32", "Int32", "UInt64", "Int64", "Float32",
         "Float64", "CInt16", "CFloat32", "Nonsense")  # fmt: skip


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Draw a source of a band."""
    odd = st.sampled_from(["AveragedSource", "KernelFilteredSource", "NoSource"])
    kind = draw(mostly("SimpleSource", "ComplexSource", odd=odd))
    name = draw(mostly("seed.tif", odd=st.sampled_from(NAMES)))
    band = draw(mostly("1", "2", "3", odd=st.sampled_from(["0", "9", "mask,1", "x"])))
    parts = [
        f"<SourceBand>{band}</SourceBand>",
        draw(rectangles("SrcRect")),
        draw(rectangles("DstRect")),
        f"<NODATA>{draw(numbers)}</NODATA>",
        f"<LUT>0:0,{draw(numbers)}:255</LUT>",
        f'<SourceProperties RasterXSize="{draw(mostly("48"))}" RasterYSize="{draw(mostly("48"))}"'
        f' DataType="{draw(mostly("Byte", odd=st.sampled_from(TYPES)))}"'
        f' BlockXSize="{draw(mostly("48"))}" BlockYSize="{draw(mostly("48"))}"/>',
    ]
    chosen = draw(st.lists(st.sampled_from(parts), min_size=2, max_size=6, unique=True))
    relative = draw(mostly("1", odd=st.just("0")))
    source = f'<SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>'
    return f"<{kind}>{source}{''.join(chosen)}</{kind}>"


@st.composite
def bands(draw: st.DrawFn, number: int) -> str:
    """Draw a band."""
    extras = draw(st.lists(st.sampled_from(EXTRAS), max_size=2))
    inner = "".join(one.format(draw(numbers)) for one in extras)
    inner += "".join(draw(st.lists(sources(), max_size=3)))
    kind = draw(mostly("Byte", odd=st.sampled_from(TYPES)))
    sub = draw(mostly("", odd=st.sampled_from(SUBCLASSES)))
    named = f'subClass="{sub}"' if sub else ""
    return f'<VRTRasterBand dataType="{kind}" band="{number}" {named}>{inner}</VRTRasterBand>'


@st.composite
def vrts(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a VRT, mostly of a size that can be read."""
    sides = (draw(mostly("48", "1", "300")) for _ in "xy")
    drawn = "".join(draw(bands(number)) for number in range(1, draw(st.integers(1, 4)) + 1))
    placed = st.lists(numbers, min_size=4, max_size=7).map(", ".join)
    affine = draw(mostly("130000, 0.1, 0, 455000, 0, -0.1", odd=placed))
    codes = ["EPSG:4326", "EPSG:4978", "EPSG:5703", "", "x", "LOCAL_CS[&quot;x&quot;]", "EPSG:9e9"]
    crs = draw(mostly("EPSG:28992", odd=st.sampled_from(codes)))
    text = (
        f'<VRTDataset rasterXSize="{next(sides)}" rasterYSize="{next(sides)}"><SRS>{crs}</SRS>'
        f"<GeoTransform>{affine}</GeoTransform>{drawn}</VRTDataset>"
    )
    return "scene.vrt", text.encode()


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a sound but odd raster may be."""
    number = st.one_of(st.floats(), st.sampled_from([0.0, 0.1, -0.1, 1e-9, 1e9, 130_000.0]))
    return {
        "name": draw(st.sampled_from(["scene.tif", "scene.png", "scene.img"])),
        "dtype": draw(st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32",
                                       "uint64", "int64", "float32", "float64"])),
        "count": draw(st.integers(1, 6)),
        "width": draw(st.integers(1, 90)),
        "height": draw(st.integers(1, 90)),
        "fill": draw(st.sampled_from(["noise", "zero", "largest", "smallest", "nan", "inf"])),
        "nodata": draw(st.none() | st.floats() | st.integers(-300, 300)),
        "transform": Affine(*(draw(number) for _ in range(6))),
        "crs": draw(st.sampled_from([None, "EPSG:28992", "EPSG:4326", "EPSG:3857", "EPSG:3031",
                                     "EPSG:2263", "EPSG:5703", "EPSG:4978"])),
        "nbits": draw(st.sampled_from([None] * 9 + [*range(1, 13)])),
        "colours": draw(st.lists(st.sampled_from(list(ColorInterp)), max_size=6)),
        "compress": draw(st.sampled_from([None, "deflate", "lzw", "zstd", "packbits", "lerc"])),
        "tiled": draw(st.booleans()),
        "given": draw(st.none() | st.floats(1e-3, 10)),
    }  # fmt: skip


# What each example goes through


def exercise(path: Path, given: float | None) -> None:
    """Do with a raster what a job does with it."""
    with open_raster(path, GSD, source_gsd=given) as source:
        assert 0 < source.grid.width < 2**31
        assert 0 < source.grid.height < 2**31
        assert all(isinstance(file, str) for file in source.files)
        windows = [_window(source, corner) for corner in (0.0, 0.5, 1.0)]
        for window in windows:
            edges = window.col, window.row, window.col + window.width, window.row + window.height
            held = source.may_hold_data(edges)
            patch = source.read(window)
            assert patch.pixels.shape == (3, window.height, window.width)
            assert patch.pixels.dtype == np.uint8
            assert patch.valid.shape == (window.height, window.width)
            assert not patch.pixels[:, ~patch.valid].any()
            assert held or not patch.valid.any()
        doubts = doubts_about(source, windows, chosen=False)
        assert all(isinstance(doubt, Doubt) for doubt in doubts)
        if source.grid.width * source.grid.height < 10**7:
            source.overview(40)


def _exercise_both(path: Path) -> None:
    """Do it with the pixel size of the CRS, then with another."""
    with suppress(GeoVehicleError):
        exercise(path, None)
    exercise(path, GSD)


def _window(source: RasterioSource, share: float) -> PatchWindow:
    width, height = (min(side, 200) for side in (source.grid.width, source.grid.height))
    left = round((source.grid.width - width) * share)
    top = round((source.grid.height - height) * share)
    return PatchWindow(left, top, width, height, (left, top, left + width, top + height))


def check_file(drawn: tuple[str, bytes]) -> None:
    """Read a file of such bytes."""
    name, content = drawn
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.with_name("seed.tif").write_bytes(seeds()["plain.tif"])
        path.write_bytes(content)
        check(_exercise_both, path)


def check_profile(drawn: dict[str, Any]) -> None:
    """Read a raster that a sound program has written."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / drawn["name"]
        if check(_write, path, drawn) is None and path.exists():
            check(exercise, path, drawn["given"])


def _write(path: Path, drawn: dict[str, Any]) -> None:
    """Write it, if GDAL can; where it cannot, there is no raster."""
    dtype = np.dtype(drawn["dtype"])
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    fills = {"zero": 0, "largest": limits.max, "smallest": limits.min}
    shape = drawn["count"], drawn["height"], drawn["width"]
    pixels = np.random.default_rng(0).integers(0, 120, shape).astype(dtype)
    if drawn["fill"] in fills:
        pixels[:] = fills[drawn["fill"]]
    elif dtype.kind == "f" and drawn["fill"] != "noise":
        pixels[:] = float(drawn["fill"])
    profile = {name: drawn[name] for name in ("nodata", "transform", "crs", "compress", "tiled")}
    profile = {name: value for name, value in profile.items() if value is not None}
    if drawn["nbits"]:
        profile["NBITS"] = drawn["nbits"]
    if drawn["tiled"]:
        profile |= {"blockxsize": 32, "blockysize": 32}
    try:
        with rasterio.open(path, "w", dtype=dtype, count=shape[0], height=shape[1], width=shape[2],
                           **profile) as raster:  # fmt: skip
            if len(drawn["colours"]) == shape[0]:
                raster.colorinterp = drawn["colours"]
            raster.write(pixels)
    except Exception:
        path.unlink(missing_ok=True)


PROPERTIES = {
    "mutated rasters": (mutated(), check_file),
    "VRTs": (vrts(), check_file),
    "profiles": (profiles(), check_profile),
}
"""Strategies, and what their examples go through."""
