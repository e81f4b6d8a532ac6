"""How many vehicles stand in each zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geovehicle.analysis.layers import numbers, reaching, refuse_doubles, require
from geovehicle.analysis.places import centres, holding, shapes_of
from geovehicle.areas import HECTARE, areas
from geovehicle.settings import CountSettings

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

UNKNOWN = "unknown"
"""The label of vehicles that have none."""

PER_HECTARE_DECIMALS = 4
"""One vehicle in a square kilometre is 0.01; beyond this, digits say nothing."""

OCCUPANCY_DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Counted:
    """Zones with their vehicles.

    Attributes
    ----------
    zones : geopandas.GeoDataFrame
        The zones in their order, with their own fields and those that were counted.
    vehicles : int
        Vehicles that reach the score.
    inside : int
        Those that stand in a zone.
    several : int
        Those that count in more than one, as zones overlap.
    """

    zones: gpd.GeoDataFrame
    vehicles: int
    inside: int
    several: int

    @property
    def outside(self) -> int:
        """Vehicles that stand in no zone."""
        return self.vehicles - self.inside


def count(
    vehicles: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    settings: CountSettings = CountSettings(),  # noqa: B008 - it is frozen
) -> Counted:
    """Count the vehicles of each zone.

    Parameters
    ----------
    vehicles : geopandas.GeoDataFrame
        Polygons or points, see :func:`~geovehicle.analysis.layers.read_vehicles`; with
        ``score`` and ``label`` where the settings need them.
    zones : geopandas.GeoDataFrame
        Polygons in any CRS, see :func:`~geovehicle.analysis.layers.read_zones`.
    settings : CountSettings
        Which vehicles count, and in which of zones that overlap.

    Returns
    -------
    Counted
        The zones have ``vehicles``, how many; ``per_ha``, vehicles per hectare on the
        ground, nan where its size is not known; with a capacity ``occupancy``, vehicles
        over capacity, nan without one; by label ``n_car`` and the like.

    Raises
    ------
    InputError
        If a field that is needed is missing, or if one that is added is there already.
    GeoreferenceError
        If the layers cannot be laid upon each other.
    """
    vehicles = reaching(vehicles, settings.score)
    places = centres(vehicles, zones.crs)
    shapes = shapes_of(zones)
    zone, vehicle = holding(places, shapes, settings.overlap)
    counts = np.bincount(zone, minlength=len(zones))
    columns = {
        "vehicles": counts,
        "per_ha": per_hectare(counts, areas(zones.crs, shapes)),
        **_occupancy(zones, counts, settings.capacity),
    }
    if settings.by_label:
        columns |= _by_label(vehicles, zone, vehicle, len(zones))
    refuse_doubles(zones, list(columns), "the zones")
    often = np.bincount(vehicle, minlength=len(vehicles))
    return Counted(
        zones.assign(**columns), len(vehicles), int((often > 0).sum()), int((often > 1).sum())
    )


def per_hectare(
    counts: NDArray[np.intp], square_metres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return numbers of vehicles per hectare, rounded; nan where there is no ground."""
    ground = np.where(square_metres > 0, square_metres, np.nan) / HECTARE
    return np.round(counts / ground, PER_HECTARE_DECIMALS)


def _occupancy(
    zones: gpd.GeoDataFrame, counts: NDArray[np.intp], field: str | None
) -> dict[str, NDArray[np.float64]]:
    if field is None:
        return {}
    room = numbers(zones, field, "the zones")
    return {"occupancy": np.round(counts / np.where(room > 0, room, np.nan), OCCUPANCY_DECIMALS)}


def _by_label(
    vehicles: gpd.GeoDataFrame, zone: NDArray[np.intp], vehicle: NDArray[np.intp], zones: int
) -> dict[str, NDArray[np.intp]]:
    """Return the vehicles of each label by zone; labels in the order of the alphabet."""
    require(vehicles, ["label"], "the vehicles")
    texts = vehicles["label"].astype(object).fillna(UNKNOWN).astype(str).to_numpy(object)
    labels, number = np.unique(texts, return_inverse=True)
    table = np.bincount(number[vehicle] * zones + zone, minlength=zones * len(labels))
    rows = table.reshape(len(labels), zones)
    return {f"n_{label}": row for label, row in zip(labels, rows, strict=True)}
