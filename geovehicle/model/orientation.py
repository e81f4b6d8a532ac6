"""How the head tells a vehicle's own rectangle, and how it learns it from any label.

A label does not have to tell how a vehicle lies.  It is a rectangle that encloses the
vehicle tightly, seen along the rectangle's own axes: the vehicle's own, where its
direction is known, or else a horizontal box, turned together with the view that was cut
from its image.  The loss asks the same of both: seen along those axes, the predicted
rectangle shall reach as far as the label does.

That is weak for one view, as two rectangles fit into most boxes, the vehicle's and its
mirror image.  Turned views decide between the two: the mirror image is another one in
each of them, and only the vehicle itself fits them all.  This is the idea of H2RBox-v2
[1]_, which compares the predictions for a view and for a turned and mirrored copy; here
the label stands between the two, so that one view is enough.  How far views of such
vehicles may be turned is the data's to say (:mod:`geovehicle.data.augment`): as the boxes
that proposals are matched with are guesses then, it is little, and most of the choice is
learnt from vehicles whose direction is known.

References
----------
.. [1] Y. Yu et al., "H2RBox-v2: Incorporating Symmetry for Boosting Horizontal Box
   Supervised Oriented Object Detection", NeurIPS 2023.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geovehicle.model.losses import placement_loss

CODES = 6
"""Numbers that tell a rectangle: the shift of its centre, its size, its direction."""

CODE_WEIGHTS = (10.0, 10.0, 5.0, 5.0, 5.0, 5.0)
"""Scale of the codes: of centre and size as of Faster R-CNN's box deltas.  The direction's
makes 2 degrees weigh as much as 1 pixel of the place."""

FIRST_GUESS = (0.0, 0.0, 5 * math.log(1.25), 5 * math.log(0.52), 0.0, 0.0)
"""Codes of a car, 2.4 times as long as wide, in a proposal that fits it, on average over
its directions: what an untrained head says."""

LARGEST = math.log(1000 / 16)
"""Sizes are at most exp of this times the proposal's, as in torchvision's box coder."""

LEAST = 0.01
"""Keeps square roots from zero, where their slope has no limit: the loss takes vehicles
that lie along the axes for 0.3 degrees askew."""


def decode(codes: Tensor, proposals: Tensor) -> Tensor:
    """Return the rectangles that codes tell.

    Parameters
    ----------
    codes : Tensor
        Shape (P, 6), float32: shift along x and y in proposal widths and heights, log of
        length and width over the square root of the proposal's area, and the cosine and
        sine of twice the angle, each times its weight of :data:`CODE_WEIGHTS`.
    proposals : Tensor
        Shape (P, 4), x1, y1, x2, y2 in patch pixels.

    Returns
    -------
    Tensor
        Shape (P, 5), x, y, length, width in patch pixels and the angle in radians from
        the x to the y axis, from -pi/2 to pi/2.
    """
    centres, sizes, direction = _parts(codes, proposals)
    angles = torch.atan2(direction[:, 1], direction[:, 0]) / 2
    return torch.cat([centres, sizes, angles[:, None]], dim=1)


def enclosure_loss(codes: Tensor, proposals: Tensor, enclosures: Tensor) -> Tensor:
    """Return the loss of rectangles whose enclosing rectangles are known.

    Parameters
    ----------
    codes, proposals : Tensor
        Shapes (P, 6) and (P, 4), as for :func:`decode`.
    enclosures : Tensor
        Shape (P, 5): rectangles with any angle, in each of which a vehicle fits tightly.

    Returns
    -------
    Tensor
        Scalar, float32: the smooth L1 loss of centres and sizes, summed up.
    """
    centres, sizes, direction = _parts(codes, proposals)
    reach = _reach(sizes, direction, enclosures[:, 4])
    shift = (centres - enclosures[:, :2]) / (proposals[:, 2:] - proposals[:, :2])
    stretch = torch.log(reach / enclosures[:, 2:4])
    weights = codes.new_tensor(CODE_WEIGHTS)[:4]
    errors = torch.cat([shift, stretch], dim=1) * weights
    return placement_loss(errors, torch.zeros_like(errors))


def direction_loss(codes: Tensor, angles: Tensor) -> Tensor:
    """Return the loss of rectangles whose directions are known.

    Parameters
    ----------
    codes : Tensor
        Shape (P, 6), as for :func:`decode`.
    angles : Tensor
        Shape (P,), radians; an angle and its opposite are the same direction.

    Returns
    -------
    Tensor
        Scalar, float32: the smooth L1 loss of both codes of the direction, summed up.
    """
    told = torch.stack([torch.cos(2 * angles), torch.sin(2 * angles)], dim=1)
    weights = codes.new_tensor(CODE_WEIGHTS)[4:]
    return placement_loss(codes[:, 4:], told * weights)


def _parts(codes: Tensor, proposals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the centres, sizes and directions that codes tell, shape (P, 2) each."""
    extent = proposals[:, 2:] - proposals[:, :2]
    plain = codes / codes.new_tensor(CODE_WEIGHTS)
    centres = (proposals[:, :2] + proposals[:, 2:]) / 2 + plain[:, :2] * extent
    scale = extent.prod(dim=1, keepdim=True).sqrt()
    return centres, scale * plain[:, 2:4].clamp(max=LARGEST).exp(), plain[:, 4:]


def _reach(sizes: Tensor, direction: Tensor, angles: Tensor) -> Tensor:
    """Return how far rectangles reach along axes that are turned by `angles`, (P, 2)."""
    axes = torch.stack([torch.cos(2 * angles), torch.sin(2 * angles)], dim=1)
    norm = (direction.square().sum(dim=1) + LEAST**2).sqrt()
    cosine = (direction * axes).sum(dim=1) / norm  # of twice the angle between
    along = ((1 + cosine) / 2).clamp_min(LEAST**2 / 4).sqrt()
    across = ((1 - cosine) / 2).clamp_min(LEAST**2 / 4).sqrt()
    length, width = sizes.unbind(dim=1)
    return torch.stack([length * along + width * across, length * across + width * along], dim=1)
