"""Which vehicles of a layer stay, by score, size, label and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geovehicle.analysis.layers import numbers, reaching, require
from geovehicle.analysis.places import centres, held
from geovehicle.settings import FilterSettings

if TYPE_CHECKING:
    import geopandas as gpd

    from geovehicle.regions import Region

SIDES = {"length": "length_m", "width": "width_m"}
"""The limits of :class:`FilterSettings` and the fields that they hold for."""


def select(
    vehicles: gpd.GeoDataFrame,
    settings: FilterSettings = FilterSettings(),  # noqa: B008 - it is frozen
    inside: Region | None = None,
    outside: Region | None = None,
) -> gpd.GeoDataFrame:
    """Return the vehicles for which all conditions hold.

    Parameters
    ----------
    vehicles : geopandas.GeoDataFrame
        Polygons or points, see :func:`~geovehicle.analysis.layers.read_vehicles`.
    settings : FilterSettings
        Limits of the score and of the size, and labels.  One whose size is not known stays
        where no limit is set for it.
    inside, outside : Region, optional
        A vehicle stays whose centre is in the one, or on its border, and not in the other.

    Returns
    -------
    geopandas.GeoDataFrame
        With all fields, as they are.

    Raises
    ------
    InputError
        If a field that is needed is missing.
    GeoreferenceError
        If the layers cannot be laid upon each other.
    """
    vehicles = reaching(vehicles, settings.score)
    kept = np.ones(len(vehicles), bool)
    for side, field in SIDES.items():
        low, high = getattr(settings, f"min_{side}"), getattr(settings, f"max_{side}")
        if low is None and high is None:
            continue
        metres = numbers(vehicles, field, "the vehicles")
        kept &= metres >= (-np.inf if low is None else low)  # nan is neither above nor below
        kept &= metres <= (np.inf if high is None else high)
    if settings.label:
        require(vehicles, ["label"], "the vehicles")
        kept &= np.asarray(vehicles["label"].isin(settings.label), bool)
    if inside is not None:
        kept &= held(centres(vehicles, inside.crs), inside.polygons, border=True)
    if outside is not None:
        kept &= ~held(centres(vehicles, outside.crs), outside.polygons, border=False)
    return vehicles[kept].reset_index(drop=True)
