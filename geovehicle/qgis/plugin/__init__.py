"""geovehicle's algorithms for QGIS.

QGIS's own Python runs this folder, once ``geovehicle qgis install`` has copied it there.  It
imports the standard library and QGIS only, works from Python 3.9 on, and calls the installed
``geovehicle`` as another process.
"""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:  # noqa: N802 - the name that QGIS asks for
    """Return the plugin.

    Parameters
    ----------
    iface : QgisInterface or None
        QGIS's windows, of which there are none in ``qgis_process``.
    """
    from .provider import Plugin

    return Plugin()
