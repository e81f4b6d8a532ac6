from __future__ import annotations

import configparser
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geovehicle import __version__
from geovehicle.errors import InputError, OutputError
from geovehicle.qgis import installation
from geovehicle.qgis.installation import (
    CALL,
    SOURCE,
    default_profiles,
    install,
    switched_off,
    switched_on,
    uninstall,
)

SETTINGS = b"[qgis]\r\nx=1\r\n\r\n[PythonPlugins]\r\nother=false\r\n\r\n[z]\r\ngeovehicle=false\r\n"

LINES = st.sampled_from(
    [b"[PythonPlugins]", b"[qgis]", b"geovehicle=true", b"geovehicle = 0", b"a=b", b""]
)


class TestProfiles:
    @pytest.mark.parametrize(
        ("environ", "platform", "expected"),
        [
            ({}, "linux", "HOME/.local/share/QGIS/QGIS3/profiles"),
            ({"XDG_DATA_HOME": "/data"}, "linux", "/data/QGIS/QGIS3/profiles"),
            ({}, "darwin", "HOME/Library/Application Support/QGIS/QGIS3/profiles"),
            ({"APPDATA": "/roaming"}, "win32", "/roaming/QGIS/QGIS3/profiles"),
            ({}, "win32", "HOME/AppData/Roaming/QGIS/QGIS3/profiles"),
            ({"QGIS_CUSTOM_CONFIG_PATH": "/own", "APPDATA": "/x"}, "win32", "/own/profiles"),
        ],
    )
    def test_where_qgis_keeps_them(self, environ, platform, expected):
        wanted = Path(expected.replace("HOME", str(Path.home())))
        assert default_profiles(environ, platform) == wanted


class TestInstall:
    def test_all_files_and_how_to_call_this_installation(self, tmp_path):
        """From any folder: in that of the plugins, Python would take the plugin for us."""
        folder = install(tmp_path / "profiles")
        assert folder == tmp_path / "profiles" / "default" / "python" / "plugins" / "geovehicle"
        source = {one.name for one in SOURCE.iterdir()} - {"__pycache__"}
        assert {one.name for one in folder.iterdir()} == {*source, CALL}
        call = json.loads((folder / CALL).read_text())
        assert call["version"] == __version__
        version = [*call["command"], "--version"]
        told = subprocess.run(version, cwd=folder.parent, capture_output=True, text=True)  # noqa: S603
        assert told.stdout == f"geovehicle {__version__}\n"
        assert Path(call["command"][0]) == Path(sys.executable)

    def test_it_is_switched_on_and_all_else_stays(self, tmp_path):
        file = tmp_path / "mine" / "QGIS" / "QGIS3.ini"
        file.parent.mkdir(parents=True)
        file.write_bytes(SETTINGS)
        file.chmod(0o640)
        install(tmp_path, "mine")
        new = b"[PythonPlugins]\r\ngeovehicle=true\r\n"
        assert file.read_bytes() == SETTINGS.replace(b"[PythonPlugins]\r\n", new)
        assert file.stat().st_mode & 0o777 == 0o640

    def test_again_replaces_the_older_plugin(self, tmp_path):
        folder = install(tmp_path)
        (folder / "of_an_older_version.py").touch()
        settings = tmp_path / "default" / "QGIS" / "QGIS3.ini"
        before = settings.read_bytes(), settings.stat().st_ino
        assert install(tmp_path) == folder
        assert not (folder / "of_an_older_version.py").exists()
        assert (settings.read_bytes(), settings.stat().st_ino) == before
        assert {one.name for one in folder.parent.iterdir()} == {"geovehicle"}

    def test_another_plugin_of_the_name_stays(self, tmp_path):
        folder = tmp_path / "default" / "python" / "plugins" / "geovehicle"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("theirs")
        for action in (install, uninstall):
            with pytest.raises(OutputError, match="is not from geovehicle qgis install; move it"):
                action(tmp_path)
        assert [one.name for one in folder.iterdir()] == ["__init__.py"]

    def test_a_link_to_another_place_stays(self, tmp_path):
        there = install(tmp_path / "elsewhere")
        folder = tmp_path / "default" / "python" / "plugins" / "geovehicle"
        folder.parent.mkdir(parents=True)
        folder.symlink_to(there)
        with pytest.raises(OutputError, match="is not from geovehicle"):
            install(tmp_path)
        assert (there / CALL).exists()

    def test_a_profile_that_is_not_there(self, tmp_path):
        for name in ("work", "home"):
            (tmp_path / name).mkdir()
        with pytest.raises(InputError, match="; there are: home, work"):
            install(tmp_path, "wrok")

    @pytest.mark.parametrize("name", ["", ".", "..", "../work"])
    def test_a_name_that_leads_out_of_the_profiles(self, tmp_path, name):
        with pytest.raises(InputError, match="no name of a profile"):
            install(tmp_path / "profiles", name)
        assert not list(tmp_path.iterdir())

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "default").write_text("a file")
        with pytest.raises(OutputError, match="cannot be made"):
            install(tmp_path)

    def test_settings_that_cannot_be_read(self, tmp_path):
        (tmp_path / "default" / "QGIS" / "QGIS3.ini").mkdir(parents=True)
        with pytest.raises(OutputError, match=r"QGIS3\.ini cannot be read"):
            install(tmp_path)

    def test_a_plugin_that_cannot_be_removed(self, tmp_path, monkeypatch):
        def locked(folder: Path) -> None:
            raise PermissionError(13, "Permission denied")

        install(tmp_path)
        monkeypatch.setattr(installation, "_edit", lambda *_: None)
        monkeypatch.setattr(installation, "shutil", SimpleNamespace(rmtree=locked))
        with pytest.raises(OutputError, match=r"cannot be removed \(Permission denied\)"):
            uninstall(tmp_path)

    def test_a_plugin_that_is_not_there(self, tmp_path):
        with pytest.raises(InputError, match="name the profile that has the plugin"):
            uninstall(tmp_path)

    def test_uninstalling_leaves_what_was_there_before(self, tmp_path):
        file = tmp_path / "default" / "QGIS" / "QGIS3.ini"
        file.parent.mkdir(parents=True)
        file.write_bytes(SETTINGS)
        folder = install(tmp_path)
        assert uninstall(tmp_path) == folder
        assert not folder.exists()
        assert file.read_bytes() == SETTINGS


class TestSettings:
    def test_a_file_that_is_not_there_yet(self):
        assert switched_on(b"") == b"[PythonPlugins]\ngeovehicle=true\n"

    def test_a_file_without_the_section(self):
        on = switched_on(b"[qgis]\nx=1")
        assert on == b"[qgis]\nx=1\n\n[PythonPlugins]\ngeovehicle=true\n"

    @pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"  "])
    def test_a_section_behind_a_bom_or_blanks(self, before):
        settings = before + b"[PythonPlugins]\r\ngeovehicle=false"
        assert switched_on(settings) == before + b"[PythonPlugins]\r\ngeovehicle=true\r\n"

    def test_a_plugin_that_was_switched_off(self):
        assert switched_on(b"[PythonPlugins]\ngeovehicle=false\n") == switched_on(b"")

    @given(st.lists(LINES), st.sampled_from([b"\n", b"\r\n"]))
    def test_it_is_on_once_and_all_else_stays(self, lines, end):
        settings = b"".join(line + end for line in lines)
        on = switched_on(settings)
        parser = configparser.ConfigParser(strict=False, allow_no_value=True)
        parser.read_string("[head]\n" + on.decode())
        assert parser["PythonPlugins"]["geovehicle"] == "true"
        assert switched_on(on) == on
        rest = switched_off(on)
        assert rest.count(b"[PythonPlugins]") == max(settings.count(b"[PythonPlugins]"), 1)
        assert rest.startswith(switched_off(settings))


def test_the_plugin_has_our_version_and_tells_qgis_what_it_needs():
    parser = configparser.ConfigParser()
    parser.read(SOURCE / "metadata.txt", encoding="utf-8")
    general = parser["general"]
    assert general["version"] == __version__
    assert general["hasProcessingProvider"] == "yes"
    assert general["qgisMinimumVersion"] == "3.22"
    assert (SOURCE / general["icon"]).is_file()
