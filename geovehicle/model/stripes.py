"""The wide maps of a backbone's beginning, a few rows at a time, in memory that ends.

The first maps of a ResNet are the largest by far: conv2 of a patch of 3072 pixels takes 300 MB
in bfloat16, and several of them are needed at once.  Computed by stripes of the image, each with
the rows around it that its pixels see, they are as small as a stripe, and the result is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from geovehicle.model.backbone import Backbone

STRIDE = 8
"""Rows of the image to a row of what :meth:`Backbone.early` gives."""

SEEN = 24
"""Rows of the image beside a stripe that count for it: 21, rounded up to strides."""

ROWS = 512
"""Rows of the image to a stripe: with more, the rows seen twice cost less, and memory more."""


class Stripes(nn.Module):
    """A backbone that begins by stripes.

    Parameters
    ----------
    backbone : Backbone
        In evaluation mode: batch norm must not measure stripes.
    rows : int
        Rows of the image to a stripe, a multiple of :data:`STRIDE`.
    """

    def __init__(self, backbone: Backbone, rows: int = ROWS) -> None:
        super().__init__()
        self.whole = backbone
        self.rows = rows

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return conv4 and conv5, see :meth:`Backbone.forward`.

        Parameters
        ----------
        images : Tensor, (N, 3, H, W)
            Normalised; H and W are multiples of 32.
        """
        if images.shape[-2] <= self.rows:
            return self.whole(images)  # type: ignore[no-any-return]
        return self.whole.late(self._early(images))  # which alone holds the map meanwhile

    def _early(self, images: Tensor) -> Tensor:
        """Return what :meth:`Backbone.early` gives for the whole images."""
        height, features = images.shape[-2], torch.empty(0)
        for top in range(0, height, self.rows):
            first, end = max(0, top - SEEN), min(height, top + self.rows)
            stripe = self.whole.early(images[..., first : end + SEEN, :])
            if not top:
                features = _taller(stripe, height // STRIDE)
            own = stripe[..., (top - first) // STRIDE : (end - first) // STRIDE, :]
            features[..., top // STRIDE : end // STRIDE, :] = own
        return features


def _taller(stripe: Tensor, rows: int) -> Tensor:
    """Return an empty map of that many rows, laid out as a stripe is."""
    count, channels, _, width = stripe.shape
    last = stripe.is_contiguous(memory_format=torch.channels_last)
    return torch.empty(
        (count, channels, rows, width),
        dtype=stripe.dtype,
        device=stripe.device,
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )
