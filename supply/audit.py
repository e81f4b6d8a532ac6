"""Asks the Python Package Index for known vulnerabilities of what is installed.

``python supply/audit.py SITE_PACKAGES`` runs pip-audit and tells what came of it in a line.
Ends with 1 where a package is vulnerable, with 2 where nothing could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

OFFLINE = "the Python Package Index told nothing about any package"

OWN = "geovehicle"
"""Not asked for: this is it."""


def main() -> int:
    """Ask, and say what is known."""
    command = [sys.executable, "-m", "pip_audit", "--path", sys.argv[1], "--format", "json"]
    quiet = ["--progress-spinner", "off"]
    answer = subprocess.run([*command, *quiet], check=False, capture_output=True, text=True)
    try:
        packages = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    line, code = told([one for one in packages if one["name"] != OWN])
    print(line)
    return code


def told(packages: list[dict[str, Any]]) -> tuple[str, int]:
    """Return the line about packages, as pip-audit lists them, and the exit code."""
    asked = [one for one in packages if "skip_reason" not in one]
    known = [
        f"{one['name']} {one['version']}: {flaw['id']}" for one in asked for flaw in one["vulns"]
    ]
    if not asked:
        return f"nothing was audited: {OFFLINE}; try again with the internet", 2
    missing = len(packages) - len(asked)
    scope = f"{len(asked)} packages asked for" + (f", {missing} unknown there" if missing else "")
    if known:
        return f"{scope}; vulnerable: {', '.join(known)}", 1
    return f"{scope}; none has a known vulnerability", 0


if __name__ == "__main__":
    sys.exit(main())
