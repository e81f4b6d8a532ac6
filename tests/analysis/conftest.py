from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geovehicle.footprints import corners_of, polygons_of

MakeVehicles = Callable[..., gpd.GeoDataFrame]

UTM = "EPSG:25832"


@pytest.fixture(scope="session")
def cars() -> MakeVehicles:
    """Return a function that parks cars of 4.6 m x 1.8 m around points of a CRS in metres."""

    def park(
        places: Sequence[Sequence[float]], crs: str | None = UTM, **fields: Any
    ) -> gpd.GeoDataFrame:
        middles = np.reshape(np.asarray(places, float), (-1, 2))
        size = np.tile([4.6, 1.8, 0.3], (len(middles), 1))
        shapes = polygons_of(corners_of(np.column_stack([middles, size])))
        return gpd.GeoDataFrame(fields, geometry=shapes, crs=crs, index=range(len(middles)))

    return park


@pytest.fixture(scope="session")
def zones() -> MakeVehicles:
    """Return a function that makes zones of boxes: left, low, right, high."""

    def draw(boxes: Sequence[Any], crs: str | None = UTM, **fields: Any) -> gpd.GeoDataFrame:
        shapes = [shapely.box(*one) if isinstance(one, tuple) else one for one in boxes]
        return gpd.GeoDataFrame(fields, geometry=shapes, crs=crs, index=range(len(shapes)))

    return draw
