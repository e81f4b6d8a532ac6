"""``python -m geovehicle`` is the command ``geovehicle``."""

from __future__ import annotations

from geovehicle.cli.main import main

if __name__ == "__main__":
    main()
