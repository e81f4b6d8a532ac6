from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from geovehicle.errors import RasterError, SettingsError
from geovehicle.raster.inputs import expand, is_gdals, is_remote, name_of, without_secrets

REMOTE = [
    "https://example.org/a/cog.tif?sig=x*y",
    "s3://bucket/a.tif",
    "gs://bucket/a.tif",
    "az://box/a.tif",
    "/vsicurl/https://example.org/a.tif",
]
LOCAL = ["/vsizip/sheets.zip/a.tif", "GPKG:two.gpkg:north", "<VRTDataset></VRTDataset>"]


@pytest.fixture
def sheets(tmp_path: Path, monkeypatch: Any) -> Path:
    """Return a folder of empty files, which is the current one."""
    names = "b.tif a.tif c.TIF notes.txt a.tfw .hidden.tif deep/d.jp2 deep/er/e.png plain/x.txt"
    for name in names.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _refused(inputs: list[str], match: str) -> None:
    with pytest.raises(RasterError, match=match) as caught:
        expand(inputs)
    assert "\n" not in str(caught.value)


def test_files_stay_in_the_order_given(sheets: Path) -> None:
    assert expand(["c.TIF", "a.tif", Path("b.tif")]) == ("c.TIF", "a.tif", "b.tif")


def test_any_file_that_is_named_is_taken(sheets: Path) -> None:
    assert expand(["notes.txt"]) == ("notes.txt",)


def test_a_file_is_taken_once_by_whatever_path(sheets: Path) -> None:
    (sheets / "link.tif").symlink_to("a.tif")
    again = ["a.tif", "./a.tif", str(sheets / "a.tif"), "deep/../a.tif", "link.tif", "a*.tif"]
    assert expand(again) == ("a.tif",)


def test_a_folder_gives_its_own_rasters_sorted(sheets: Path) -> None:
    assert expand(["."]) == ("a.tif", "b.tif", "c.TIF")
    assert expand(["deep"]) == (os.path.join("deep", "d.jp2"),)  # noqa: PTH118


def test_a_folder_without_rasters_says_so(sheets: Path) -> None:
    _refused(["plain"], r"^plain has no raster in it \(\.tif .*\); name the files")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.tif", "a.tif b.tif"),
        ("[ab].tif", "a.tif b.tif"),
        ("?.[tT]*", "a.tif b.tif c.TIF"),
        ("*", "a.tif b.tif c.TIF"),
        ("*.txt", "notes.txt"),
        ("**/*", "a.tif b.tif c.TIF deep/d.jp2 deep/er/e.png"),
        ("deep/**/*.png", "deep/er/e.png"),
        ("deep/../[b]*", "deep/../b.tif"),
    ],
)
def test_a_pattern_gives_what_matches_sorted(sheets: Path, pattern: str, expected: str) -> None:
    assert [Path(raster) for raster in expand([pattern])] == [Path(one) for one in expected.split()]
    absolute = [Path(raster) for raster in expand([str(sheets / pattern)])]
    assert absolute == [sheets / one for one in expected.split()]


def test_any_depth_is_none_of_the_hidden_folders(sheets: Path) -> None:
    (sheets / ".cache/of").mkdir(parents=True)
    (sheets / ".cache/of/d.jp2").touch()
    assert expand(["**/*.jp2"]) == ("deep/d.jp2",)
    assert expand([".cache/**/*.jp2"]) == (".cache/of/d.jp2",)


def test_a_list_s_folder_is_no_part_of_its_patterns(sheets: Path) -> None:
    (sheets / "[2024]").mkdir()
    (sheets / "[2024]/e.tif").touch()
    (sheets / "[2024]/list.txt").write_text("*.tif\n")
    assert expand(["@[2024]/list.txt"]) == ("[2024]/e.tif",)


@pytest.mark.parametrize("pattern", ["*.jpg", "nowhere/*.tif", "**.tif/x", "*\0"])
def test_a_pattern_without_a_match_says_so(sheets: Path, pattern: str) -> None:
    _refused([pattern], r"matches no raster; check the pattern|is no pattern .* write \*\*")


@pytest.mark.parametrize("name", ["a*.tif", "[ab].tif", "@a.tif", "x:y.tif", "what?.tif"])
def test_a_file_that_exists_is_itself_whatever_its_name(sheets: Path, name: str) -> None:
    (sheets / name).touch()
    assert expand([name]) == (name,)
    assert name_of(name) == name


@pytest.mark.parametrize("address", REMOTE + LOCAL)
def test_what_gdal_alone_understands_is_passed_on(sheets: Path, address: str) -> None:
    assert expand([address, "a.tif", address]) == (address, "a.tif")
    assert is_gdals(address)


def test_what_lies_on_a_server_is_remote() -> None:
    assert all(map(is_remote, REMOTE))
    assert not any(map(is_remote, [*LOCAL, "a.tif", "C:\\a.tif", "x//a.tif"]))


def test_a_name_leaves_folders_and_an_addresss_secrets_out() -> None:
    assert [name_of(one) for one in ("x/a.tif", *REMOTE[:2])] == ["a.tif", "cog.tif", "a.tif"]


@pytest.mark.parametrize("name", ["none.tif", "deep/none.tif", "", "x" * 5000, "a\0b"])
def test_a_missing_file_says_so(sheets: Path, name: str) -> None:
    _refused([name], r"cannot be opened \(no such file\); check the path")


def test_no_input_at_all_says_so() -> None:
    with pytest.raises(SettingsError, match="no raster is given; name at least one"):
        expand([])


class TestLists:
    """Files that name rasters."""

    def _list(self, folder: Path, text: str | bytes) -> str:
        path = folder / "deep" / "list.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return f"@{path}"

    def test_names_are_relative_to_the_list(self, sheets: Path) -> None:
        text = f"# sheets\r\n\r\n  ../b.tif \nd.jp2\n../[ac].*\n..\n{REMOTE[0]}\n{sheets}/deep\n"
        deep = sheets / "deep"
        found = expand([self._list(sheets, text)])
        ups = [str(deep / ".." / name) for name in ("b.tif", "a.tif", "c.TIF")]
        assert found == (ups[0], str(deep / "d.jp2"), *ups[1:], REMOTE[0])

    def test_a_byte_order_mark_is_no_part_of_a_name(self, sheets: Path) -> None:
        assert expand([self._list(sheets, b"\xef\xbb\xbfd.jp2")]) == (str(sheets / "deep/d.jp2"),)

    def test_a_list_and_files_mix(self, sheets: Path) -> None:
        found = expand(["b.tif", self._list(sheets, "../a.tif\n../b.tif\n"), "c.TIF"])
        assert [name_of(one) for one in found] == ["b.tif", "a.tif", "c.TIF"]

    def test_a_wrong_line_is_named(self, sheets: Path) -> None:
        _refused(
            [self._list(sheets, "d.jp2\n\nnone.tif\n")], r"list\.txt, line 3: none\.tif cannot"
        )

    def test_a_list_in_a_list_is_refused(self, sheets: Path) -> None:
        _refused([self._list(sheets, "@other.txt")], r"line 1: a list in a list; name its rasters")

    @pytest.mark.parametrize("content", [b"", b"# nothing\n\n"])
    def test_an_empty_list_says_so(self, sheets: Path, content: bytes) -> None:
        _refused([self._list(sheets, content)], "names no raster; write one a line")

    @pytest.mark.parametrize("content", [b"II*\0\x08\0\0\0", b"\xff\xfe\xfa", b"\x89PNG\r\n"])
    def test_what_is_no_text_says_so(self, sheets: Path, content: bytes) -> None:
        _refused([self._list(sheets, content)], "is no text; a list names one raster a line")

    @pytest.mark.parametrize("name", ["@none.txt", "@deep", "@"])
    def test_a_list_that_cannot_be_read_says_so(self, sheets: Path, name: str) -> None:
        _refused([name], "cannot be read .*check the path")


@pytest.mark.parametrize(
    ("raster", "shown"),
    [
        ("/data/what?.tif", "/data/what?.tif"),
        ("/vsicurl/https://me:word@host/a.tif?sig=word", "/vsicurl/https://host/a.tif"),
        ("https://host/a.tif?sig=word", "https://host/a.tif"),
        ("/vsicurl?retry=3&url=https%3A%2F%2Fhost%2Fa.tif%3Fsig%3Dword", "https://host/a.tif"),
        ("/vsis3/bucket/a.tif", "/vsis3/bucket/a.tif"),
    ],
)
def test_an_address_is_told_without_its_secrets(raster: str, shown: str) -> None:
    assert without_secrets(raster) == shown


def test_a_text_that_is_no_address_stays_secret_as_a_whole() -> None:
    one, other = (without_secrets(f"WMS:https://host/?LAYERS={layer}") for layer in "ab")
    assert one != other
    assert "host" not in one
