"""An evaluation that needs no detector, and a PostGIS of the tests' own.

Two images, three vehicles, known detections.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from geovehicle.data.coco import LabelledImage
from geovehicle.detections import Detections
from geovehicle.evaluation import Comparison, report
from geovehicle.export.frame import FIELDS
from geovehicle.export.report import Evaluation
from geovehicle.export.vector_file import VectorFile
from geovehicle.footprints import boxes_of, corners_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "s3cret/word"  # noqa: S105 - of a server that lives as long as the tests
USER = "tester"

GROUND = (40, 60, 80)
CAR, BUS = [20.0, 30.0, 60.0, 50.0], [60.0, 60.0, 180.0, 90.0]
IGNORED, NOWHERE = [150.0, 10.0, 190.0, 30.0], [100.0, 20.0, 140.0, 40.0]


@pytest.fixture(scope="session")
def make_layer() -> Callable[..., gpd.GeoDataFrame]:
    """Return a function that returns a layer of so many vehicles in such a CRS.

    The Dutch grid's by default; what is not known of the first is null.
    """

    def make(rows: int = 3, crs: object = 28992) -> gpd.GeoDataFrame:
        lefts = 155000 + 10.0 * np.arange(rows)
        columns = {
            name: np.full(rows, "Über, 'sicht\".tif" if kind == "str" else 1.25)
            for name, kind in FIELDS.items()
        }
        columns["azimuth_deg"] = np.full(rows, 30.0)  # of the grid, whose north is true here
        columns |= {"id": np.arange(1, rows + 1), "score": np.linspace(0.5, 0.9876, rows)}
        boxes = shapely.box(lefts, 463000, lefts + 4.5, 463002)
        frame = gpd.GeoDataFrame(columns, geometry=boxes, crs=crs).astype(dict(FIELDS))
        frame.loc[:0, "length_m"] = np.nan
        return frame

    return make


@dataclass(frozen=True)
class Server:
    """A PostgreSQL of the tests' own, which answers on a socket in its folder.

    Parameters
    ----------
    folder : pathlib.Path
    psql : str
        The program.
    """

    folder: Path
    psql: str

    def address(self, database: str, password: str = PASSWORD) -> str:
        """Return the address of a database."""
        quoted = password.replace("/", "%2F")
        return f"postgresql://{USER}:{quoted}@/{database}?host={self.folder}"

    def run(self, address: str, statement: str) -> list[list[str]]:
        """Run a statement by psql; return its rows as texts."""
        command = [self.psql, "-X", "-A", "-t", "-F", "|", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(  # noqa: S603
            [*command, "-c", statement, address], capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def server(needs: Callable[[object, str], None]) -> Iterator[Server]:
    """Start PostgreSQL with PostGIS in a template; it may not run as root."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    needs(homes, "PostgreSQL")
    extensions = list(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
    needs(extensions, "PostGIS")
    folder = Path(tempfile.mkdtemp(prefix="postgis-"))
    as_user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(folder, **as_user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)

    def run(program: str, *arguments: str) -> None:
        command = [str(homes[-1] / program), "-D", str(folder / "data"), *arguments]
        log = (folder / "log").open("ab")
        with log:
            subprocess.run(command, check=True, cwd=folder, stdout=log, stderr=log, **as_user)  # noqa: S603

    try:
        identity = ("-U", USER, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
        run("initdb", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", *identity)
        run("pg_ctl", "start", "-w", "-o", f"-k {folder} -h '' -F -c autovacuum=off")
        found = Server(folder, str(homes[-1] / "psql"))
        found.run(found.address("postgres"), "CREATE DATABASE plain")
        found.run(found.address("template1"), "CREATE EXTENSION postgis")
        yield found
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


_numbers = count()


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """Return the address of an empty database with PostGIS."""
    name = f"gis{next(_numbers)}"
    server.run(server.address("postgres"), f"CREATE DATABASE {name}")
    yield server.address(name)
    server.run(server.address("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def images(tmp_path: Path) -> list[LabelledImage]:
    """Return two plain images of 200 x 100 pixels; the first has an ignore box."""
    plain = Image.new("RGB", (200, 100), GROUND)
    made = []
    for number, (boxes, ignore) in enumerate((([CAR, BUS], [IGNORED]), ([CAR], [])), start=1):
        path = tmp_path / f"photo_{number}.png"
        plain.save(path)
        arrays = [np.array(part, float).reshape(-1, 4) for part in (boxes, ignore)]
        made.append(
            LabelledImage(path, 10 * number, 200, 100, 0.1, f"flight {number}", "", *arrays)
        )
    return made


@pytest.fixture
def detections() -> list[Detections]:
    """Return a car and a false detection for the first image, a car for the second."""
    first = Detections(np.array([CAR, NOWHERE]), np.array([0.75, 0.875]), np.zeros(2))
    second = Detections(np.array([CAR]), np.array([0.625]), np.zeros(1))
    return [first, second]


@pytest.fixture
def evaluation(images: list[LabelledImage], detections: list[Detections]) -> Evaluation:
    """Return one detector with those detections, at a score of 0.5."""
    plain = report(images, detections, 0.5, "mine", Comparison("horizontal"))
    return Evaluation("labels.json", [plain], images)


@pytest.fixture
def comparison(evaluation: Evaluation) -> Evaluation:
    """Return two detectors that find the same."""
    (one,) = evaluation.reports
    return replace(evaluation, reports=[one, replace(one, name="other")])


@pytest.fixture
def oriented(images: list[LabelledImage]) -> Evaluation:
    """Return a detector that tells footprints and types: a car of two, and a false one."""
    lying = corners_of(np.array([[50.0, 45, 40, 16, 0.6], [130, 60, 40, 16, 0.6]]))
    off = corners_of(np.array([[50.0, 45, 41, 16, 0.7], [100, 30, 50, 20, -0.6]]))
    image = replace(
        images[0],
        boxes=boxes_of(lying),
        types=("car", "van"),
        footprints=lying,
        oriented=np.ones(2, bool),
    )
    found = Detections(boxes_of(off), np.array([0.75, 0.875]), np.array([1, 0]), off)
    comparison = Comparison("oriented", ("car", "van"))
    return Evaluation("labels.json", [report([image], [found], 0.5, "mine", comparison)], [image])


@pytest.fixture
def around_writing(monkeypatch) -> Callable[..., None]:
    """Return a function that puts another around what writes a piece of a file by GDAL.

    That one is called with the genuine writer, the path, the rows and whether they are added.
    """
    genuine = VectorFile._write

    def put(around: Callable[..., None]) -> None:
        def writing(self, path, frame, append=False) -> None:
            around(partial(genuine, self), path, frame, append)

        monkeypatch.setattr(VectorFile, "_write", writing)

    return put
