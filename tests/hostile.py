"""Rasters that nobody should have to handle, made by code, each with what must come out of it.

:data:`CASES` holds them by name.  A case writes its files into an empty folder and says what
``geovehicle detect`` shall do there: find the one red car of :data:`PICTURE` where it stands,
or tell in one line what is wrong, with a documented exit code.
"""

from __future__ import annotations

import os
import shutil
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Write = Callable[..., Path]
    """Write a raster: the fixture ``make_raster`` with :data:`PICTURE` as its pixels."""

    Make = Callable[[Write, Path], list[str]]

DONE, SETTINGS, INPUT, OUTPUT = 0, 2, 3, 4
"""Exit codes, as docs/cli.md has them."""

WIDTH, HEIGHT = 96, 64

CAR = slice(22, 34), slice(38, 64)
"""Rows and columns of the car."""

PLACE = 130_005.1, 454_997.2
"""The car's centre in EPSG:28992."""


def picture() -> NDArray[np.uint8]:
    """Return grey ground with a red car, (3, HEIGHT, WIDTH)."""
    random = np.random.default_rng(0)
    ground = random.integers(90, 130, (1, HEIGHT, WIDTH)) + random.integers(0, 4, (3, 1, 1))
    ground[:, *CAR] = np.array([220, 40, 30])[:, None, None]
    return ground.astype(np.uint8)


PICTURE = picture()


@dataclass(frozen=True)
class Case:
    """A hostile raster and what comes of it.

    Attributes
    ----------
    name : str
        What it is.
    make : callable
        Writes the files into a folder, and returns what is given to ``geovehicle detect``.
    code : int
        The exit code.
    says : str
        A regular expression for what stands on stderr: one line, an error or a warning.
        Nothing stands there where it is empty.
    vehicles : int
        Rows of the layer, where there is one.
    place : tuple of float or None
        Where the only vehicle is, in the CRS of the layer; None where it does not matter.
    humble : bool
        Whether the rights of root must not count.
    """

    name: str
    make: Make
    code: int
    says: str
    vehicles: int
    place: tuple[float, float] | None
    humble: bool


CASES: dict[str, Case] = {}


def case(
    code: int = DONE,
    says: str = "",
    vehicles: int = 1,
    place: tuple[float, float] | None = PLACE,
    humble: bool = False,
) -> Callable[[Make], Make]:
    """Return a decorator that makes a case of a function, under its name."""

    def decorate(make: Make) -> Make:
        name = make.__name__.strip("_")
        CASES[name] = Case(name, make, code, says, vehicles, place, humble)
        return make

    return decorate


def nothing(says: str) -> dict[str, Any]:
    """Return what is expected of a raster in which nothing can be found."""
    return {"says": says, "vehicles": 0, "place": None}


# Damaged bytes


@case(INPUT, "scene.tif cannot be opened")
def empty_file(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").touch()
    return ["scene.tif"]


@case(INPUT, "cannot be opened")
def only_a_header(write: Write, folder: Path) -> list[str]:
    return [_cut(write(), 100)]


@case(INPUT, "damaged or incomplete")
def half_a_file(write: Write, folder: Path) -> list[str]:
    path = write(creation={"compress": "deflate", "blockysize": 8})
    return [_cut(path, path.stat().st_size * 3 // 4)]


@case(INPUT, "damaged or incomplete")
def half_an_uncompressed_file(write: Write, folder: Path) -> list[str]:
    return [_cut(write(), 12_000)]


@case(INPUT, "damaged or incomplete")
def half_a_jpeg(write: Write, folder: Path) -> list[str]:
    return [_cut(write("scene.jpg", located=False), 1500), "--gsd", "0.1"]


@case(INPUT, "damaged or incomplete")
def half_a_png(write: Write, folder: Path) -> list[str]:
    return [_cut(write("scene.png", located=False), 3000), "--gsd", "0.1"]


@case(INPUT, "scene.jp2 cannot be")
def half_a_jpeg_2000(write: Write, folder: Path) -> list[str]:
    path = write("scene.jp2", creation={"QUALITY": 100, "REVERSIBLE": "YES"})
    return [_cut(path, path.stat().st_size // 4)]


@case(INPUT, "damaged or incomplete")
def flipped_bits_in_a_tile(write: Write, folder: Path) -> list[str]:
    path = write(creation={"compress": "deflate"})
    with rasterio.open(path) as raster:
        start = int(raster.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    return [_flip(path, range(start, start + 40))]


@case(INPUT, "cannot be opened")
def flipped_bits_in_the_header(write: Write, folder: Path) -> list[str]:
    return [_flip(write(), range(8, 24))]


@case(INPUT, "damaged or incomplete")
def jpeg_tables_of_zeros(write: Write, folder: Path) -> list[str]:
    path = write(creation={"compress": "jpeg", "photometric": "ycbcr", "tiled": True,
                           "blockxsize": 64, "blockysize": 64})  # fmt: skip
    content = bytearray(path.read_bytes())
    offset, count = _entry(content, 347)
    content[offset : offset + count] = bytes(count)
    path.write_bytes(content)
    return [path.name]


@case()
def a_directory_that_is_its_own_successor(write: Write, folder: Path) -> list[str]:
    path = write(creation={"compress": "deflate"})
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, first)
    path.write_bytes(content)
    return [path.name]


@case()
def a_directory_whose_successor_lies_beyond_the_end(write: Write, folder: Path) -> list[str]:
    path = write()
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, _entries(content).stop, 165_809)
    path.write_bytes(content)
    return [path.name]


@case(INPUT, "cannot be opened")
def a_big_tiff_whose_directory_lies_beyond_its_end(write: Write, folder: Path) -> list[str]:
    path = write(creation={"BIGTIFF": "YES"})
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 8, 2**40)
    path.write_bytes(content)
    return [path.name]


# Lying headers


@case(INPUT, "scene.tif")
def two_thousand_million_pixels_a_side(write: Write, folder: Path) -> list[str]:
    return [_lie(write(), {256: 2**31 - 1, 257: 2**31 - 1})]


@case(INPUT, "scene.tif cannot be opened")
def four_thousand_million_pixels_a_side(write: Write, folder: Path) -> list[str]:
    return [_lie(write(), {256: 2**32 - 1, 257: 2**32 - 1})]


@case(INPUT, "scene.tif")
def no_rows(write: Write, folder: Path) -> list[str]:
    return [_lie(write(), {257: 0})]


@case(INPUT, "damaged or incomplete")
def a_small_file_that_claims_gigabytes(write: Write, folder: Path) -> list[str]:
    return [_lie(write(), {256: 30_000, 257: 30_000, 278: 30_000})]


@case(INPUT, "scene.tif")
def more_bands_than_bytes(write: Write, folder: Path) -> list[str]:
    return [_lie(write(), {277: 65_535})]


@case(place=None, says="warning: scene.tif has pixels of 0.4 m")
def sixty_five_thousand_bands(write: Write, folder: Path) -> list[str]:
    pixels = np.broadcast_to(PICTURE[:, ::4, ::4], (3, 16, 24))
    path = folder / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=24, height=16, count=65_535, dtype="uint8",
        crs="EPSG:28992", transform=Affine(0.4, 0, 130_000, 0, -0.4, 455_000), interleave="pixel",
    ) as raster:  # fmt: skip
        raster.write(pixels, [1, 2, 3])
    return [path.name]


@case(INPUT, "cannot be opened|too large")
def a_png_that_claims_two_thousand_million_pixels(write: Write, folder: Path) -> list[str]:
    size = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    chunks = (_chunk(b"IHDR", size), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    (folder / "scene.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return ["scene.png", "--gsd", "0.1"]


# Bombs


@case(INPUT, r"each of which decodes to 0\.8 GB")
def a_tile_that_decodes_to_gigabytes(write: Write, folder: Path) -> list[str]:
    return [_bomb(folder, "deflate")]


@case(INPUT, r"each of which decodes to 0\.8 GB")
def a_zstd_tile_that_decodes_to_gigabytes(write: Write, folder: Path) -> list[str]:
    return [_bomb(folder, "zstd")]


@case(INPUT, "damaged")
def a_png_bomb(write: Write, folder: Path) -> list[str]:
    side = 60_000
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 3 * side)) for _ in range(50)) + packer.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", size), _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    (folder / "scene.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return ["scene.png", "--gsd", "0.1"]


@case(**nothing("warning: scene.tif shows nothing"))
def a_sparse_raster_of_ten_gigapixels(write: Write, folder: Path) -> list[str]:
    return [_sparse(folder, 100_000)]


@case(INPUT, "patches")
def a_mosaic_as_large_as_gdal_can_count(write: Write, folder: Path) -> list[str]:
    write()
    return [_vrt(folder, "scene.tif", size=(2**31 - 1, 2**31 - 1))]


# Mosaics


@case(INPUT, "wide.vrt cannot be|scene.vrt cannot be")
def a_mosaic_of_itself(write: Write, folder: Path) -> list[str]:
    return [_vrt(folder, "scene.vrt")]


@case(INPUT, "scene.vrt cannot be")
def mosaics_of_each_other(write: Write, folder: Path) -> list[str]:
    _vrt(folder, "scene.vrt", name="other.vrt")
    return [_vrt(folder, "other.vrt")]


@case(INPUT, "scene.vrt cannot be")
def a_mosaic_whose_source_is_missing(write: Write, folder: Path) -> list[str]:
    return [_vrt(folder, "missing.tif")]


@case(INPUT, "scene.vrt cannot be")
def a_mosaic_whose_source_is_smaller_than_it_says(write: Write, folder: Path) -> list[str]:
    _cut(write(), 12_000)
    return [_vrt(folder, "scene.tif")]


@case(INPUT, "scene.vrt cannot be")
def a_mosaic_of_standard_input(write: Write, folder: Path) -> list[str]:
    return [_vrt(folder, "/vsistdin/", relative=0)]


@case(INPUT, "scene.vrt")
def a_mosaic_of_a_pipe_without_end(write: Write, folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.tif")
    return [_vrt(folder, "pipe.tif")]


@case(INPUT, "scene.tif is made of pipe.tif, which is no file")
def a_mosaic_named_like_another_raster(write: Write, folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.tif")
    _vrt(folder, "pipe.tif", name="scene.tif")
    return ["scene.tif"]


@case(INPUT, "scene.vrt filters by a kernel of no size")
def a_mosaic_that_filters_by_nothing(write: Write, folder: Path) -> list[str]:
    write()
    path = folder / _vrt(folder, "scene.tif")
    path.write_text(path.read_text().replace("SimpleSource", "KernelFilteredSource"))
    return [path.name]


@case(INPUT, "scene.vrt cannot be")
def a_mosaic_with_a_program_in_it(write: Write, folder: Path) -> list[str]:
    write()
    program = (
        "<PixelFunctionType>f</PixelFunctionType>"
        "<PixelFunctionLanguage>Python</PixelFunctionLanguage>"
        "<PixelFunctionCode><![CDATA[open('executed', 'w')\n"
        "def f(*args, **named): open('executed', 'w')]]></PixelFunctionCode>"
    )
    return [_vrt(folder, "scene.tif", band='subClass="VRTDerivedRasterBand"', extra=program)]


@case(INPUT, r"bomb\.tif has tiles .* decodes to 0\.8 GB")
def a_mosaic_of_a_bomb(write: Write, folder: Path) -> list[str]:
    (folder / _bomb(folder, "deflate")).rename(folder / "bomb.tif")
    return [_vrt(folder, "bomb.tif")]


@case(INPUT, "scene.vrt cannot be opened")
def a_mosaic_of_a_thousand_million_laughs(write: Write, folder: Path) -> list[str]:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    (folder / "scene.vrt").write_text(
        f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">{lines}]>'
        "<VRTDataset rasterXSize='&l9;' rasterYSize='1'><SRS>&l9;</SRS></VRTDataset>"
    )
    return ["scene.vrt", "--gsd", "0.1"]


@case(INPUT, "scene.vrt cannot be opened")
def a_mosaic_nested_a_million_times(write: Write, folder: Path) -> list[str]:
    (folder / "scene.vrt").write_text("<VRTDataset>" * 1_000_000)
    return ["scene.vrt", "--gsd", "0.1"]


@case(INPUT, "has a palette for int16")
def a_palette_below_zero(write: Write, folder: Path) -> list[str]:
    table = '<ColorTable><Entry c1="-1" c2="1" c3="2" c4="255"/></ColorTable>'
    (folder / "scene.vrt").write_text(
        '<VRTDataset rasterXSize="48" rasterYSize="48"><VRTRasterBand dataType="Int16" band="1">'
        f"<ColorInterp>Palette</ColorInterp>{table}</VRTRasterBand></VRTDataset>"
    )
    return ["scene.vrt", "--gsd", "0.1"]


# What is beside a raster


@case()
def statistics_beside_it_that_are_huge(write: Write, folder: Path) -> list[str]:
    path = write()
    items = "".join(f'<MDI key="k{n}">{"x" * 100}</MDI>' for n in range(100_000))
    aux = f"<PAMDataset><Metadata>{items}</Metadata></PAMDataset>"
    path.with_name("scene.tif.aux.xml").write_text(aux)
    return [path.name]


@case()
def statistics_beside_it_that_are_no_xml(write: Write, folder: Path) -> list[str]:
    path = write()
    path.with_name("scene.tif.aux.xml").write_text("<PAMDataset><<<\0&&&;")
    return [path.name]


@case()
def statistics_beside_it_that_name_files(write: Write, folder: Path) -> list[str]:
    path = write()
    path.with_name("scene.tif.aux.xml").write_text(
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        "<PAMDataset><Metadata><MDI key='a'>&e;</MDI></Metadata></PAMDataset>"
    )
    return [path.name]


@case(INPUT, "scene.tif cannot be read")
def overviews_beside_it_that_are_cut_off(write: Write, folder: Path) -> list[str]:
    path = _with_overviews(write)
    _cut(path.with_name("scene.tif.ovr"), 3000)
    return [path.name]


@case(place=None, vehicles=1)
def overviews_beside_it_that_are_none(write: Write, folder: Path) -> list[str]:
    path = write()
    path.with_name("scene.tif.ovr").write_bytes(b"II*\0" + bytes(100))
    return [path.name]


@case(INPUT, "scene.tif cannot be read")
def a_mask_beside_it_with_flipped_bits(write: Write, folder: Path) -> list[str]:
    path = _with_mask(write)
    beside = path.with_name("scene.tif.msk")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        mask = rasterio.open(beside)
    with mask:
        start = int(mask.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    _flip(beside, range(start, start + 20))
    return [path.name]


@case(INPUT, "scene.tif")
def a_mask_beside_it_of_another_size(write: Write, folder: Path) -> list[str]:
    path = _with_mask(write)
    beside = path.with_name("scene.tif.msk")
    profile = {"driver": "GTiff", "width": 7, "height": 5, "count": 1, "dtype": "uint8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(beside, "w", **profile) as mask:
            mask.write(np.zeros((1, 5, 7), np.uint8))
            mask.update_tags(INTERNAL_MASK_FLAGS_1=2)
    return [path.name]


@case(INPUT, "scene.png: the raster has no CRS or no usable geotransform")
def a_world_file_of_words(write: Write, folder: Path) -> list[str]:
    path = write("scene.png", located=False, crs=None)
    path.with_suffix(".pgw").write_text("a\nb\nc\nd\ne\nf\n")
    return [path.name]


@case(place=None)
def a_world_file_of_infinities(write: Write, folder: Path) -> list[str]:
    path = write("scene.png", located=False, crs=None)
    path.with_suffix(".pgw").write_text("nan\ninf\ninf\n-inf\n1e400\n-1e400\n")
    return [path.name, "--gsd", "0.1"]


# Values


@case()
def nan_and_infinity(write: Write, folder: Path) -> list[str]:
    pixels = PICTURE.astype(np.float32) * 4
    pixels[0, 2, 3], pixels[1, 4, 5], pixels[2, 6, 7] = np.nan, np.inf, -np.inf
    return [write(pixels=pixels).name]


@case(**nothing("warning: scene.tif shows nothing"))
def nothing_but_nan(write: Write, folder: Path) -> list[str]:
    return [write(pixels=np.full((3, HEIGHT, WIDTH), np.nan, np.float32)).name]


@case(**nothing("warning: scene.tif shows nothing"))
def nothing_but_nodata(write: Write, folder: Path) -> list[str]:
    return [write(pixels=np.full((3, HEIGHT, WIDTH), 7, np.uint8), nodata=7).name]


@case(**nothing("warning: scene.tif shows nothing"))
def nothing_but_transparency(write: Write, folder: Path) -> list[str]:
    return [write(alpha=np.zeros((HEIGHT, WIDTH), np.uint8)).name]


@case(**nothing("warning: scene.tif looks empty"))
def nothing_but_white(write: Write, folder: Path) -> list[str]:
    return [write(pixels=np.full((3, HEIGHT, WIDTH), 255, np.uint8)).name]


@case(place=None, vehicles=1)
def the_largest_of_floats(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.float64) * 8e305).name]


@case(INPUT, "complex")
def complex_values(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.complex64)).name]


@case(INPUT, "complex")
def complex_integers(write: Write, folder: Path) -> list[str]:
    return [write(count=1, pixels=PICTURE[:1].astype(np.complex64),
                  creation={"dtype": "complex_int16"}).name]  # fmt: skip


@case()
def sixty_four_bits(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.int64) * 10**15, nodata=-(10**15)).name]


@case()
def sixty_four_bits_without_a_sign(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.uint64) * 10**16).name]


@case()
def signed_bytes(write: Write, folder: Path) -> list[str]:
    return [write(pixels=(PICTURE.astype(int) - 128).astype(np.int8)).name]


@case(**nothing("warning: scene.tif has no colours"))
def one_bit(write: Write, folder: Path) -> list[str]:
    bits = (np.indices((HEIGHT, WIDTH)).sum(axis=0) // 5 % 2).astype(np.uint8)
    return [write(pixels=bits, creation={"NBITS": 1}).name]


@case()
def two_bits(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE // 64, creation={"NBITS": 2}).name]


@case()
def four_bits(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE // 16, creation={"NBITS": 4}).name]


@case()
def twelve_bits(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.uint16) * 16, creation={"NBITS": 12}).name]


@case()
def half_floats(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE.astype(np.float32), creation={"NBITS": 16}).name]


@case()
def a_palette(write: Write, folder: Path) -> list[str]:
    index, colours = _indexed()
    return [write(pixels=index, palette=colours).name]


@case()
def a_palette_of_four_bits(write: Write, folder: Path) -> list[str]:
    index, colours = _indexed()
    return [write(pixels=index, palette=colours, creation={"NBITS": 4}).name]


@case()
def a_palette_of_sixteen_bits(write: Write, folder: Path) -> list[str]:
    index, colours = _indexed()
    return [write(pixels=index.astype(np.uint16), palette=colours).name]


@case()
def a_nodata_value_that_bytes_cannot_have(write: Write, folder: Path) -> list[str]:
    return [_nodata(folder, "-9999")]


@case()
def a_nodata_value_of_nan_for_bytes(write: Write, folder: Path) -> list[str]:
    return [_nodata(folder, "nan")]


@case()
def a_nodata_value_that_is_a_word(write: Write, folder: Path) -> list[str]:
    return [_nodata(folder, "no data")]


@case()
def a_nodata_value_beyond_all_numbers(write: Write, folder: Path) -> list[str]:
    return [_nodata(folder, "1e999")]


@case()
def bands_one_after_another(write: Write, folder: Path) -> list[str]:
    return [write(creation={"interleave": "band", "compress": "lzw", "predictor": 2}).name]


@case()
def colours_as_luminance(write: Write, folder: Path) -> list[str]:
    creation = {"compress": "jpeg", "photometric": "ycbcr", "interleave": "pixel",
                "JPEG_QUALITY": 95}  # fmt: skip
    return [write(creation=creation).name]


# Where it is


@case(INPUT, "has no CRS or no usable geotransform; give .* --gsd")
def no_crs(write: Write, folder: Path) -> list[str]:
    return [write(crs=None).name]


@case()
def a_crs_of_a_building_site(write: Write, folder: Path) -> list[str]:
    return [write(crs='LOCAL_CS["site",UNIT["metre",1]]').name]


@case(INPUT, "--gsd")
def a_crs_of_the_whole_earth_in_three_axes(write: Write, folder: Path) -> list[str]:
    return [_in_crs(write, CRS.from_epsg(4978))]


@case(INPUT, "--gsd")
def a_crs_of_heights_alone(write: Write, folder: Path) -> list[str]:
    return [_in_crs(write, CRS.from_epsg(5703))]


@case(INPUT, "--gsd")
def a_crs_that_is_none(write: Write, folder: Path) -> list[str]:
    write()
    path = folder / _vrt(folder, "scene.tif")
    path.write_text(path.read_text().replace("EPSG:28992", "PROJCS[&quot;nonsense&quot;,]"))
    return [path.name]


@case(INPUT, "no usable geotransform")
def a_geotransform_of_zeros(write: Write, folder: Path) -> list[str]:
    return [_placed(write, folder, "0, 0, 0, 0, 0, 0")]


@case(INPUT, "no usable geotransform")
def a_geotransform_of_nan(write: Write, folder: Path) -> list[str]:
    return [_placed(write, folder, "nan, nan, nan, nan, nan, nan")]


@case(INPUT, "no usable geotransform")
def a_geotransform_that_is_singular(write: Write, folder: Path) -> list[str]:
    return [_placed(write, folder, "130000, 0.1, 0.1, 455000, 0.1, 0.1")]


@case(INPUT, "--gsd")
def pixels_larger_than_the_earth(write: Write, folder: Path) -> list[str]:
    return [_placed(write, folder, "0, 1e30, 0, 0, 0, -1e30")]


@case(INPUT, "--gsd")
def pixels_smaller_than_an_atom(write: Write, folder: Path) -> list[str]:
    return [_placed(write, folder, "130000, 1e-12, 0, 455000, 0, -1e-12")]


@case(INPUT, "--gsd")
def a_place_beyond_the_crs(write: Write, folder: Path) -> list[str]:
    return [write(origin=(1e300, -1e300)).name]


@case(place=(130_000.0 + 5.1 * 0.8 + 2.8 * 0.6, 455_000.0 + 5.1 * 0.6 - 2.8 * 0.8))
def a_turned_raster(write: Write, folder: Path) -> list[str]:
    turned = Affine(0.08, 0.06, 130_000, 0.06, -0.08, 455_000)
    return [write(transform=turned).name]


@case(place=(180 - 4.8e-5 + 5.1e-5, 2.8e-5))
def the_antimeridian(write: Write, folder: Path) -> list[str]:
    degrees = Affine(1e-6, 0, 180 - 4.8e-5, 0, -1e-6, 5.6e-5)
    return [write(crs="EPSG:4326", transform=degrees).name]


@case(place=(5.1 - 4.8, 3.2 - 2.8))
def the_south_pole(write: Write, folder: Path) -> list[str]:
    return [write(crs="EPSG:3031", origin=(-4.8, 3.2)).name]


@case(INPUT, "--gsd")
def degrees_beyond_the_pole(write: Write, folder: Path) -> list[str]:
    return [write(crs="EPSG:4326", transform=Affine(1e-6, 0, 5, 0, -1e-6, 200)).name]


@case(INPUT, "only ground control points; rectify")
def control_points_in_one_place(write: Write, folder: Path) -> list[str]:
    points = [GroundControlPoint(row=5, col=5, x=130_000, y=455_000)] * 4
    return [write(gcps=points).name]


@case(INPUT, "only RPCs; rectify")
def rpcs_of_zeros(write: Write, folder: Path) -> list[str]:
    zeros = [0.0] * 20
    numbers = RPC(0.0, 0.0, 0.0, 0.0, zeros, zeros, 0.0, 0.0, 0.0, 0.0, zeros, zeros, 0.0, 0.0)
    return [write(rpcs=numbers, crs=None, located=False).name]


@case(vehicles=0, place=None)
def one_pixel_wide(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE[:, :, :1]).name]


@case(vehicles=0, place=None)
def one_pixel_high(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE[:, :1]).name]


@case(**nothing("warning: scene.tif looks empty"))
def one_pixel(write: Write, folder: Path) -> list[str]:
    return [write(pixels=PICTURE[:, :1, :1]).name]


# Names and files


def _named(name: str) -> None:
    """Add a case: a raster of that name, given after ``--``."""

    def make(write: Write, folder: Path) -> list[str]:
        write().rename(folder / name)
        return ["--", name]

    CASES[f"a raster named {name!r}"] = Case(name, make, DONE, "", 1, PLACE, False)


for _name in (
    "with spaces .tif",
    'it\'s "quoted".tif',
    "Straße 東京 🚗.tif",
    "two\nlines.tif",
    "-dash.tif",
    "100 % %20 %s.tif",
    "$(touch executed) `touch executed`; touch executed.tif",
    "[a]*?.tif",
    "@list.tif",
    "a|layername=b.tif",
    "<a>.tif",
    "x" * 200 + ".tif",
):
    _named(_name)


@case(INPUT, "scene.tif has no raster in it")
def a_folder_named_like_a_raster(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").mkdir()
    return ["scene.tif"]


@case(INPUT, "scene.tif is no file")
def a_pipe(write: Write, folder: Path) -> list[str]:
    os.mkfifo(folder / "scene.tif")
    return ["scene.tif"]


@case(INPUT, "is no file|cannot be opened")
def a_device_without_end(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").symlink_to("/dev/zero")
    return ["scene.tif"]


@case(INPUT, "standard input|cannot be opened")
def standard_input(write: Write, folder: Path) -> list[str]:
    return ["/vsistdin/"]


@case(INPUT, "no such file")
def a_link_to_itself(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").symlink_to("scene.tif")
    return ["scene.tif"]


@case(INPUT, "scene.tif cannot be opened", humble=True)
def a_file_without_permission(write: Write, folder: Path) -> list[str]:
    write().chmod(0)
    return ["scene.tif"]


@case(INPUT, "locked cannot be read", humble=True)
def a_folder_without_permission(write: Write, folder: Path) -> list[str]:
    (folder / "locked").mkdir()
    write("locked/scene.tif")
    (folder / "locked").chmod(0)
    return ["locked"]


@case(OUTPUT, "cannot write locked/cars.gpkg: Permission denied", humble=True)
def an_output_without_permission(write: Write, folder: Path) -> list[str]:
    write()
    (folder / "locked").mkdir(0o500)
    return ["scene.tif", "-o", "locked/cars.gpkg"]


@case(INPUT, "cannot be opened")
def a_text(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").write_text("This is no raster.\n" * 100)
    return ["scene.tif"]


@case(INPUT, "cannot be opened")
def a_web_page(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    return ["scene.tif"]


@case(INPUT, "scene.tif")
def a_pdf(write: Write, folder: Path) -> list[str]:
    (folder / "scene.tif").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF")
    return ["scene.tif"]


@case(INPUT, "cannot be opened")
def an_archive(write: Write, folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "scene.tif", "w") as archive:
        archive.write(write("inner.tif"), "inner.tif")
    return ["scene.tif"]


@case(INPUT, "has no bands|cannot be opened")
def a_layer_of_vectors(write: Write, folder: Path) -> list[str]:
    shutil.copy(folder / "cars.gpkg", folder / "scene.tif")
    return ["scene.tif"]


# Tools


def _cut(path: Path, length: int) -> str:
    os.truncate(path, length)
    return path.name


def _flip(path: Path, offsets: range) -> str:
    content = bytearray(path.read_bytes())
    for offset in offsets:
        content[offset] ^= 0xFF
    path.write_bytes(content)
    return path.name


def _entry(content: bytearray, tag: int) -> tuple[int, int]:
    """Return offset and number of a tag's values in a little-endian TIFF."""
    for entry in _entries(content):
        number, _, count, offset = struct.unpack_from("<HHII", content, entry)
        if number == tag:
            return offset, count
    raise LookupError(f"no tag {tag}")


def _entries(content: bytearray) -> range:
    """Return where the entries of the first directory stand."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    return range(first + 2, first + 2 + 12 * entries, 12)


def _lie(path: Path, tags: dict[int, int | tuple[int, int, int]]) -> str:
    """Give tags of a TIFF another value, or another type, count and offset."""
    content = bytearray(path.read_bytes())
    for entry in _entries(content):
        (number,) = struct.unpack_from("<H", content, entry)
        if number in tags:
            value = tags[number]
            whole = value if isinstance(value, tuple) else (4, 1, value)
            struct.pack_into("<HII", content, entry + 2, *whole)
    path.write_bytes(content)
    return path.name


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bomb(folder: Path, compression: str) -> str:
    """Write a GeoTIFF of one tile, whose bytes are few and whose pixels are many."""
    side = 16_384
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8",
        compress=compression, tiled=True, blockxsize=16, blockysize=16, SPARSE_OK="TRUE",
        interleave="pixel", crs="EPSG:28992",
        transform=Affine(0.1, 0, 130_000, 0, -0.1, 455_000),
    ):  # fmt: skip
        pass
    path = folder / "scene.tif"
    body = zlib.compress(bytes(3 * side), 9) * 1000
    content = path.read_bytes() + body
    path.write_bytes(content)
    start = len(content) - len(body)
    return _lie(path, {322: side, 323: side, 324: start, 325: len(body)})


def _sparse(folder: Path, side: int) -> str:
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8",
        tiled=True, blockxsize=512, blockysize=512, SPARSE_OK="TRUE", BIGTIFF="YES",
        crs="EPSG:28992", transform=Affine(0.1, 0, 130_000, 0, -0.1, 455_000),
    ):  # fmt: skip
        pass
    return "scene.tif"


def _vrt(
    folder: Path,
    source: str,
    name: str = "scene.vrt",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    relative: int = 1,
    band: str = "",
    extra: str = "",
) -> str:
    """Write a mosaic of one source."""
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{number}" {band}>{extra}<SimpleSource>'
        f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename>'
        f"<SourceBand>{number}</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" xSize="{WIDTH}" ySize="{HEIGHT}"/>'
        f'<DstRect xOff="0" yOff="0" xSize="{WIDTH}" ySize="{HEIGHT}"/>'
        "</SimpleSource></VRTRasterBand>"
        for number in (1, 2, 3)
    )
    (folder / name).write_text(
        f'<VRTDataset rasterXSize="{size[0]}" rasterYSize="{size[1]}"><SRS>EPSG:28992</SRS>'
        f"<GeoTransform>130000, 0.1, 0, 455000, 0, -0.1</GeoTransform>{bands}</VRTDataset>"
    )
    return name


def _placed(write: Write, folder: Path, numbers: str) -> str:
    """Write a mosaic with such a geotransform."""
    write()
    path = folder / _vrt(folder, "scene.tif")
    path.write_text(path.read_text().replace("130000, 0.1, 0, 455000, 0, -0.1", numbers))
    return path.name


def _in_crs(write: Write, crs: CRS) -> str:
    """Write a mosaic in a CRS that a GeoTIFF does not take."""
    path = write()
    path.with_suffix(".vrt").write_text("")
    folder = path.parent
    name = _vrt(folder, "scene.tif")
    wkt = crs.to_wkt().replace('"', "&quot;")
    (folder / name).write_text((folder / name).read_text().replace("EPSG:28992", wkt))
    return name


def _with_overviews(write: Write) -> Path:
    pixels = np.repeat(np.repeat(PICTURE, 8, axis=1), 8, axis=2)
    path = write(pixels=pixels, gsd=(0.0125, 0.0125))
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4])
    return path


def _with_mask(write: Write) -> Path:
    path = write()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.full((HEIGHT, WIDTH), 255, np.uint8))
    return path


def _nodata(folder: Path, text: str) -> str:
    """Write a GeoTIFF with any text as its nodata value."""
    path = folder / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint8",
        crs="EPSG:28992", transform=Affine(0.1, 0, 130_000, 0, -0.1, 455_000), nodata=123.4567,
    ) as raster:  # fmt: skip
        raster.write(PICTURE)
    content = bytearray(path.read_bytes())
    offset, count = _entry(content, 42_113)
    content[offset : offset + count] = text.encode()[: count - 1].ljust(count - 1) + b"\0"
    path.write_bytes(content)
    return path.name


def _indexed() -> tuple[NDArray[np.uint8], dict[int, tuple[int, int, int, int]]]:
    """Return the picture as indices of three colours."""
    index = (PICTURE[1] % 2 + 1).astype(np.uint8)
    index[CAR] = 0
    return index, {0: (220, 40, 30, 255), 1: (100, 100, 100, 255), 2: (120, 120, 120, 255)}


COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
