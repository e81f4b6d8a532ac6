from __future__ import annotations

import pytest

from geovehicle import __version__


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """Return the folder of the profiles of a user who has told QGIS where to keep them."""
    monkeypatch.setenv("QGIS_CUSTOM_CONFIG_PATH", str(tmp_path))
    return tmp_path / "profiles"


def test_install_says_where_and_what_next(run, profiles):
    result = run("qgis", "install")
    folder = profiles / "default" / "python" / "plugins" / "geovehicle"
    assert result.exit_code == 0
    assert result.stdout == (
        f"geovehicle {__version__} → {folder}\n"
        "restart QGIS, then open Processing > Toolbox > geovehicle\n"
    )
    assert (folder / "metadata.txt").is_file()
    settings = profiles / "default" / "QGIS" / "QGIS3.ini"
    assert settings.read_text() == "[PythonPlugins]\ngeovehicle=true\n"


def test_uninstall_takes_it_away(run, profiles):
    run("qgis", "install")
    result = run("qgis", "uninstall")
    folder = profiles / "default" / "python" / "plugins" / "geovehicle"
    assert (result.exit_code, result.stdout) == (0, f"removed {folder}\n")
    assert not folder.exists()


def test_another_place_and_profile(run, tmp_path, profiles):
    (tmp_path / "elsewhere" / "work").mkdir(parents=True)
    result = run("qgis", "install", "--profiles", tmp_path / "elsewhere", "--profile", "work")
    assert result.exit_code == 0
    assert (tmp_path / "elsewhere" / "work" / "python" / "plugins" / "geovehicle").is_dir()
    assert not profiles.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["install", "--profile", "x"], 3, "there is no profile x"),
        (["uninstall"], 3, "name the profile that has the plugin"),
        (["remove"], 2, "'remove' is not one of 'install', 'uninstall'"),
    ],
)
def test_what_is_wrong_is_one_line(run, profiles, arguments, code, message):
    result = run("qgis", *arguments)
    assert result.exit_code == code
    assert message in result.stderr.splitlines()[-1]
    assert result.stdout == ""
