from __future__ import annotations

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geovehicle.data.scenery.canvas import Frame
from geovehicle.data.scenery.footprint import CLEARANCE_M, Footprint

frames = st.builds(Frame, st.floats(-12, 12), st.floats(-12, 12), st.floats(-7, 7))
footprints = st.builds(Footprint, frames, st.floats(0.5, 18), st.floats(0.5, 4))


@settings(max_examples=200, deadline=None)
@given(footprints, footprints)
def test_touching_agrees_with_the_distance(one: Footprint, other: Footprint) -> None:
    gap = shapely.distance(*(shapely.Polygon(thing.corners()) for thing in (one, other)))
    # separating axes see the gap of the sides, at corners the distance is larger
    if gap == 0:
        assert one.touches(other)
    if one.touches(other):
        assert gap <= CLEARANCE_M * 2**0.5 + 1e-9
    assert one.touches(other) == other.touches(one)
