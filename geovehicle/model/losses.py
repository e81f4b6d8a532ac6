"""Focal losses, in the form of the paper: no class weight, only the focusing factor.

``FL(p) = -(1 - p)^gamma log(p)``, where ``p`` is the probability of the true
class; gamma = 0 is cross-entropy.  Both functions return the mean, as the
cross-entropies of torchvision's detectors do, so that either can stand in the
other's place.

References
----------
.. [1] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH_L1_BETA = 1 / 9
"""Where the smooth L1 loss turns linear, as in torchvision's detectors."""


def binary_focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Return the mean focal loss of a yes-or-no classifier.

    Parameters
    ----------
    logits : Tensor
        Shape (N,), any float dtype; computed in float32.
    targets : Tensor
        Shape (N,), 1 for foreground and 0 for background.
    gamma : float
        Focusing parameter; 0 is binary cross-entropy.

    Returns
    -------
    Tensor
        Scalar, float32; 0 with a gradient of zeros where N is 0.
    """
    logits, targets = logits.float(), targets.float()
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return _focus(entropy, gamma)


def focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Return the mean focal loss of a softmax classifier.

    Parameters
    ----------
    logits : Tensor
        Shape (N, C), any float dtype; computed in float32.
    targets : Tensor
        Shape (N,), int64, the class of each row.
    gamma : float
        Focusing parameter; 0 is cross-entropy.

    Returns
    -------
    Tensor
        Scalar, float32; 0 with a gradient of zeros where N is 0.
    """
    return _focus(F.cross_entropy(logits.float(), targets, reduction="none"), gamma)


def _focus(entropy: Tensor, gamma: float) -> Tensor:
    """Weigh each cross-entropy -log(p) by (1 - p)^gamma and average.

    ``1 - p`` is taken as ``-expm1(-entropy)``, which has as many digits as the
    entropy: that of a softmax in float32 has none left below 1e-7.  The power is
    applied to a value above zero, so that its gradient is finite for every gamma
    from 0 on.
    """
    if not entropy.numel():
        return entropy.sum()
    wrong = -torch.expm1(-entropy)
    weight = wrong.clamp_min(torch.finfo(wrong.dtype).tiny).pow(gamma) if gamma else 1.0
    return (weight * entropy).mean()


def placement_loss(told: Tensor, wanted: Tensor) -> Tensor:
    """Return the smooth L1 loss of coded places and sizes, summed up.

    Parameters
    ----------
    told, wanted : Tensor
        Of one shape, in the scale of the codes.
    """
    return F.smooth_l1_loss(told, wanted, beta=SMOOTH_L1_BETA, reduction="sum")


def prior_bias(prior: float) -> float:
    """Return the bias at which a sigmoid answers `prior`, -log((1 - prior) / prior) [1]_."""
    return -math.log((1.0 - prior) / prior)
