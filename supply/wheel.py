"""Builds the wheel twice, in two folders at two times, and compares every byte.

``python supply/wheel.py [FOLDER]`` puts it into FOLDER, ``dist`` by default, and prints its
SHA-256.  Ends with 1 where the two differ.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]

TIMES = (500_000_000, 1_500_000_000)
"""Seconds since 1970 at which the files of the two builds were last changed."""


def main() -> int:
    """Build, compare, copy."""
    target = Path(*sys.argv[1:2] or ["dist"])
    os.umask(0o022)  # modes of files are part of a wheel
    with TemporaryDirectory() as folder:
        wheels = [_built(Path(folder) / str(time), time) for time in TIMES]
        contents = [wheel.read_bytes() for wheel in wheels]
        if contents[0] != contents[1]:
            print("two builds of the wheel differ")
            return 1
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(wheels[0], target)
    digest = hashlib.sha256(contents[0]).hexdigest()
    print(f"two builds of {wheels[0].name} are the same: sha256 {digest}")
    return 0


def _built(folder: Path, time: int) -> Path:
    """Return the wheel of a copy of the checkout whose files have a time of change."""
    for name in _git("ls-files", "-z", "-co", "--exclude-standard").split("\0"):
        path = folder / "checkout" / name
        if name and (ROOT / name).is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path)  # with the mode of new files
            os.utime(path, (time, time))
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct").strip()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run(
        [*command, str(folder / "wheel"), str(folder / "checkout")],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
    )
    return next((folder / "wheel").glob("*.whl"))


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
