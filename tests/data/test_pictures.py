from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image

from geovehicle.data.pictures import (
    check_upright,
    image_size,
    images_by_stem,
    read_rgb,
    subfolders,
)
from geovehicle.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "bmp"])
def test_a_picture_has_its_size_and_its_colour(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (6, 4), (250, 10, 20)).save(path)
    assert image_size(path) == (6, 4)
    pixels = read_rgb(path)
    assert (pixels.shape, pixels.dtype) == ((4, 6, 3), np.uint8)
    assert np.abs(pixels[2, 3].astype(int) - (250, 10, 20)).max() < 6


def test_grey_becomes_rgb_that_can_be_written_to(tmp_path: Path) -> None:
    Image.new("L", (5, 3), 77).save(tmp_path / "a.png")
    pixels = read_rgb(tmp_path / "a.png")
    assert (pixels == 77).all()
    pixels[0] = 0


def test_a_cut_off_file_has_a_size_but_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    assert image_size(path) == (64, 64)
    with pytest.raises(DatasetError, match=r"a\.jpg cannot be read as an image: .*truncated"):
        read_rgb(path)


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_told_of(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for function in (image_size, read_rgb, check_upright):
        with pytest.raises(DatasetError, match="cannot be read as an image"):
            function(path)


def test_a_missing_picture_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        image_size(tmp_path / "a.png")


def test_sixteen_bits_are_refused_for_they_would_be_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 3), 4000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="more than 8 bits"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize(("orientation", "upright"), [(None, True), (1, True), (6, False)])
def test_a_turned_photo_is_seen(tmp_path: Path, orientation: int | None, upright: bool) -> None:
    exif = Image.Exif()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    if upright:
        check_upright(tmp_path / "a.jpg")
    else:
        with pytest.raises(DatasetError, match="EXIF orientation 6"):
            check_upright(tmp_path / "a.jpg")


def test_odd_tags_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (6, 4), (250, 10, 20)).save(path, dpi=(72, 72))
    resolution, offset = struct.pack("<HHI", 282, 5, 1), b"\xff\xff\xff\x0f"  # beyond the end
    before, after = path.read_bytes().split(resolution)
    path.write_bytes(before + resolution + offset + after[4:])
    check_upright(path)
    assert image_size(path) == (6, 4)
    assert read_rgb(path)[0, 0].tolist() == [250, 10, 20]


def test_a_cut_off_table_of_tags_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"II*\0\x08\0\0\0")
    for function in (image_size, read_rgb, check_upright):
        with pytest.raises(DatasetError, match="cannot be read as an image"):
            function(path)


def test_a_palette_may_have_transparent_colours(tmp_path: Path) -> None:
    picture = Image.new("P", (6, 4))
    picture.putpalette([250, 10, 20, 9, 9, 9])
    picture.save(tmp_path / "a.png", transparency=bytes([99, 128]))
    assert read_rgb(tmp_path / "a.png")[0, 0].tolist() == [250, 10, 20]


def claim(path: Path, width: int, height: int) -> None:
    """Write a PNG whose header claims a size that its pixels have not."""
    Image.new("L", (1, 1)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def test_large_aerial_images_are_opened_and_absurd_ones_refused(tmp_path: Path) -> None:
    path, limit = tmp_path / "a.png", Image.MAX_IMAGE_PIXELS
    for size in ((20_000, 20_000), (12_000, 9_000)):  # the first is DOTA's largest
        claim(path, *size)
        assert image_size(path) == size
        check_upright(path)  # without its pixels
    claim(path, 40_000, 25_001)
    for function in (image_size, read_rgb, check_upright):
        with pytest.raises(DatasetError, match=r"has 1000 megapixels; cut it into smaller"):
            function(path)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_pictures_are_found_by_their_stem(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "a.jpg", "a.b.png", "c.txt", ".d.png"):
        (tmp_path / name).touch()
    (tmp_path / "e.png").mkdir()
    found = images_by_stem(tmp_path)
    assert {stem: path.name for stem, path in found.items()} == {
        "a": "a.jpg",
        "a.b": "a.b.png",
        "b": "b.JPG",
    }
    assert images_by_stem(tmp_path / "nowhere") == {}


def test_folders_are_listed_with_their_parent_first(tmp_path: Path) -> None:
    for name in ("b/c", "a", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    assert subfolders(tmp_path) == [tmp_path, *(tmp_path / name for name in ("a", "b", "b/c"))]
    assert subfolders(tmp_path / "nowhere") == []
