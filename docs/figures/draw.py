"""Redraw two figures of the paper as SVG: its network, and the focal loss.

``python docs/figures/draw.py`` writes ``network.svg`` and ``focal-loss.svg`` beside this file.
The numbers in them are those of the settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from geovehicle.settings import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent

STYLE = {
    "svg.hashsalt": "geovehicle",  # names of elements stay the same
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
}

INK, PLAIN, CHANGED = "#37474f", "#eceff1", "#b2dfdb"
"""Colours of lines, of Faster R-CNN's parts, and of what the paper changes."""

GAMMAS = (0.0, 0.5, 1.0, PAPER.detector.focal_gamma, 5.0)

config = PAPER.detector

TIMES, GAMMA = "\N{MULTIPLICATION SIGN}", "\N{GREEK SMALL LETTER GAMMA}"

BOXES = {
    "image": (0.0, 1.5, f"image\n{PAPER.patch_width} {TIMES} {PAPER.patch_height}", PLAIN),
    "conv1-3": (1.6, 1.5, "conv1 to 3", PLAIN),
    "conv4": (3.2, 1.5, "conv4\n1024, 1/16", PLAIN),
    "conv5": (3.2, 0.0, "conv5\n2048, 1/32", PLAIN),
    "reduce": (4.9, 0.0, f"1 {TIMES} 1\n2048 → {config.conv5_channels}", CHANGED),
    "double": (6.6, 0.0, "enlarged\ntwice", CHANGED),
    "sum": (6.6, 1.5, f"sum\n{config.feature_channels}, 1/16", CHANGED),
    "rpn": (8.4, 0.6, f"region proposals\n{config.rpn_loss} loss", CHANGED),
    "head": (8.4, 2.4, f"head\n{config.head_loss} loss", CHANGED),
    "out": (10.5, 2.4, "boxes,\nscores", PLAIN),
}
"""Lower left corner, text and colour of the parts of the network."""

ARROWS = (
    ("image", "conv1-3"),
    ("conv1-3", "conv4"),
    ("conv4", "conv5"),
    ("conv5", "reduce"),
    ("reduce", "double"),
    ("double", "sum"),
    ("conv4", "sum"),
    ("sum", "rpn"),
    ("sum", "head"),
    ("rpn", "head"),
    ("head", "out"),
)

WIDTH, HEIGHT = 1.3, 0.8
"""Of a box."""


def network() -> Figure:
    """Draw the paper's network, with what it changes in Faster R-CNN in colour."""
    figure = Figure(figsize=(9, 2.9))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(-0.1, 11.9)
    axes.set_ylim(-0.3, 3.5)
    for left, bottom, text, colour in BOXES.values():
        shape = FancyBboxPatch(
            (left, bottom), WIDTH, HEIGHT, boxstyle="round,pad=0.05", fc=colour, ec=INK, lw=0.8
        )
        axes.add_patch(shape)
        axes.text(
            left + WIDTH / 2,
            bottom + HEIGHT / 2,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
        )
    for start, end in ARROWS:
        _arrow(axes, start, end)
    return figure


def _arrow(axes: Axes, start: str, end: str) -> None:
    """Draw an arrow from the side of a box to the side of another."""
    (x, y, *_), (u, v, *_) = BOXES[start], BOXES[end]
    gap = 0.07
    if abs(x - u) < WIDTH:  # one above the other
        up = 1 if v > y else -1
        tail = (x + WIDTH / 2, y + (HEIGHT + gap if up > 0 else -gap))
        tip = (u + WIDTH / 2, v + (-gap if up > 0 else HEIGHT + gap))
    else:
        tail, tip = (x + WIDTH + gap, y + HEIGHT / 2), (u - gap, v + HEIGHT / 2)
    how = {"arrowstyle": "-|>", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", tip, tail, arrowprops=how)


def focal_loss() -> Figure:
    """Draw the focal loss over the probability of the right answer, for several gammas."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    probability = np.linspace(0.01, 1.0, 100)
    for gamma in GAMMAS:
        loss = -((1 - probability) ** gamma) * np.log(probability)
        chosen = gamma == config.focal_gamma
        name = f"{GAMMA} = {gamma:g}" + (
            ", cross-entropy" if gamma == 0 else ", the paper's" if chosen else ""
        )
        axes.plot(probability, loss, label=name, lw=2.2 if chosen else 1.0)
    axes.set_xlabel("probability that the network gives to the right answer")
    axes.set_ylabel("loss")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 4.7)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


FIGURES = {"network.svg": network, "focal-loss.svg": focal_loss}


def draw(folder: Path) -> None:
    """Write all figures into a folder."""
    with mpl.rc_context(STYLE):
        for name, make in FIGURES.items():
            make().savefig(folder / name, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    draw(HERE)
