"""A rectangle of ground to be filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geovehicle.data.scenery.canvas import Frame
    from geovehicle.data.scenery.site import Site


@dataclass(frozen=True)
class Lot:
    """A rectangle of ground between streets, metres, its corner at the frame's origin.

    Attributes
    ----------
    frame
        x along the width, y along the depth.
    width, depth
        Size in metres.
    approach
        Distance from the lot to the kerb of the street at y = 0.
    """

    frame: Frame
    width: float
    depth: float
    approach: float = 0.0

    def drive(self, site: Site, x: float, width: float, depth: float) -> None:
        """Pave a way from the street over the footway into the lot."""
        ground = site.palette.asphalt if site.chance(0.5) else site.palette.concrete
        site.pave(self.frame, (x, -self.approach, x + width, depth), ground)
