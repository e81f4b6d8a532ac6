"""Rectangles that lie at any angle, as tensors: corners, overlap, suppression.

A rectangle is five numbers: x and y of the centre, length, width, and the angle in
radians from the x axis towards the y axis to the direction of the length, as in
:mod:`geovehicle.footprints`.  Sizes are not negative.
"""

from __future__ import annotations

import torch

ROWS = 512
"""Rectangles that are compared with all others at a time."""

PAIRS = 65_536
"""Pairs whose overlap is computed at a time: about 30 MB in float32."""


def corners(rectangles: torch.Tensor) -> torch.Tensor:
    """Return the corners of rectangles.

    Parameters
    ----------
    rectangles : Tensor of floats, shape (N, 5)
        In pixels.

    Returns
    -------
    Tensor, shape (N, 4, 2)
        x and y of front-left, front-right, rear-right and rear-left in the same
        pixels; the front is the end that the angle points to.
    """
    along, across = _half_sides(rectangles)
    signs = rectangles.new_tensor([[1, -1], [1, 1], [-1, 1], [-1, -1]])
    offsets = signs[:, :1] * along[:, None] + signs[:, 1:] * across[:, None]
    return rectangles[:, None, :2] + offsets


def bounding_boxes(rectangles: torch.Tensor) -> torch.Tensor:
    """Return the horizontal boxes around rectangles, (N, 5): x1, y1, x2, y2, (N, 4)."""
    along, across = _half_sides(rectangles)
    reach = along.abs() + across.abs()
    return torch.cat([rectangles[:, :2] - reach, rectangles[:, :2] + reach], dim=1)


def rotated_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union of pairs of rectangles.

    Parameters
    ----------
    first, second : Tensor of float32 or float64, shape (N, 5)
        In one pixel space.

    Returns
    -------
    Tensor, shape (N,)
        0 to 1; 0 where both have no area.  In float32 exact to 1e-4 among pixels
        up to some thousands.
    """
    one, other = first[:, 2] * first[:, 3], second[:, 2] * second[:, 3]
    common = torch.minimum(_common_area(first, second), torch.minimum(one, other))
    union = one + other - common
    return torch.where(union > 0, common / union.clamp(min=torch.finfo(union.dtype).tiny), 0)


def rotated_nms(rectangles: torch.Tensor, scores: torch.Tensor, iou: float) -> torch.Tensor:
    """Drop each rectangle that overlaps a better one that stays (greedy NMS).

    Of equal scores the earlier rectangle wins.

    Parameters
    ----------
    rectangles : Tensor of float32 or float64, shape (N, 5)
        In one pixel space.
    scores : Tensor of floats, shape (N,)
    iou : float
        Rectangles whose IoU is above it compete.

    Returns
    -------
    Tensor of int64
        The indices of those that stay, the best first.
    """
    order = scores.argsort(descending=True, stable=True)
    better, worse = _rivals(rectangles[order], iou)
    kept = torch.ones_like(order, dtype=torch.bool)
    # Each round settles at least the next in rank, and most scenes need a few: who has
    # no better rival stays, those beaten by them go, and so on.
    while True:
        beaten = torch.zeros_like(kept)
        beaten[worse[kept[better]]] = True
        if torch.equal(kept, ~beaten):
            return order[kept]
        kept = ~beaten


def _half_sides(rectangles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the vectors from the centre to the middle of the front and of the right side."""
    length, width, angle = rectangles[:, 2:].unbind(dim=1)
    forward = torch.stack([angle.cos(), angle.sin()], dim=1)
    right = torch.stack([-forward[:, 1], forward[:, 0]], dim=1)
    return length[:, None] / 2 * forward, width[:, None] / 2 * right


def _common_area(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the area that each pair of rectangles shares, (N,).

    In the frame of the first, it is the second's area between ``|x| <= length / 2``
    and ``|y| <= width / 2``.  That is the sum over the second's edges of the integral
    of y dx, with x within the one and y cut to the other: there is no polygon to build,
    and nothing changes abruptly where edges touch, coincide or have no length.
    """
    start = corners(_seen_from(first, second))
    step = start.roll(-1, dims=1) - start
    half = first[:, None, 2:4] / 2
    enter, leave = _share_within(start, step, half)
    begin, end = enter[..., 0], leave[..., 0]
    # y as cut is linear between these four places of an edge
    inner = (enter[..., 1].clamp(begin, end), leave[..., 1].clamp(begin, end))
    places = torch.stack([begin, *inner, end], dim=-1)
    heights = start[..., 1, None] + places * step[..., 1, None]
    heights = torch.minimum(torch.maximum(heights, -half[..., 1:]), half[..., 1:])
    return (torch.trapezoid(heights, places) * step[..., 0]).sum(dim=1).abs()


def _seen_from(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the second rectangles in the frames of the first: centre (0, 0), angle 0."""
    x, y = (second[:, :2] - first[:, :2]).unbind(dim=1)
    cosine, sine = first[:, 4].cos(), first[:, 4].sin()
    moved = (x * cosine + y * sine, y * cosine - x * sine)
    return torch.stack([*moved, second[:, 2], second[:, 3], second[:, 4] - first[:, 4]], dim=1)


def _share_within(
    start: torch.Tensor, step: torch.Tensor, half: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return from where to where, 0 to 1, each coordinate of an edge is within ± half."""
    tiny = torch.finfo(step.dtype).tiny
    step = torch.where(step.abs() < tiny, tiny, step)
    one, other = (-half - start) / step, (half - start) / step
    return torch.minimum(one, other).clamp(0, 1), torch.maximum(one, other).clamp(0, 1)


def _rivals(ranked: torch.Tensor, iou: float) -> torch.Tensor:
    """Return the index pairs, first < second, whose IoU is above ``iou``, (2, M)."""
    boxes = bounding_boxes(ranked)
    found = [torch.empty((2, 0), dtype=torch.int64, device=ranked.device)]
    for top in range(0, len(ranked), ROWS):
        for pairs in torch.split(_touching(boxes, top), PAIRS, dim=1):
            ious = rotated_iou(ranked[pairs[0]], ranked[pairs[1]])
            found.append(pairs[:, ious > iou])
    return torch.cat(found, dim=1)


def _touching(boxes: torch.Tensor, top: int) -> torch.Tensor:
    """Return the index pairs of boxes that share an area, the first among ROWS from top."""
    rows, columns = boxes[top : top + ROWS, None], boxes[None, top:]
    meet = (rows[..., 0] < columns[..., 2]) & (columns[..., 0] < rows[..., 2])
    meet &= (rows[..., 1] < columns[..., 3]) & (columns[..., 1] < rows[..., 3])
    return top + meet.triu(diagonal=1).nonzero().T
