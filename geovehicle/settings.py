"""Every number and default of geovehicle, in frozen dataclasses, each with its source.

A field made by :func:`setting` carries its help text, so that a command line
option (``geovehicle.cli.options.options_of``) and the API share one default and
one description.

References
----------
.. [1] M. Y. Yang, W. Liao, X. Li, Y. Cao, B. Rosenhahn, "Vehicle Detection in
   Aerial Images", Photogrammetric Engineering & Remote Sensing 85(4), 2019.
.. [2] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
.. [3] S. Ren et al., "Faster R-CNN", NeurIPS 2015.
.. [4] N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection",
   CVPR 2005.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from geovehicle.errors import SettingsError

LossName = Literal["focal", "cross-entropy"]
BackboneName = Literal["resnet50", "resnet50v2"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
FloatName = Literal["auto", "float32", "bfloat16"]
PrecisionName = Literal["auto", "float32", "bfloat16", "int8"]
OptimiserName = Literal["adamw", "sgd"]
ScheduleName = Literal["cosine", "step"]
EngineName = Literal["local", "dask"]
BoxesName = Literal["oriented", "horizontal"]
"""Footprints as vehicles lie, or boxes along the rows and columns around them."""
ExportName = Literal["onnx"]
QuantizeName = Literal["none", "int8"]
OverlapName = Literal["each", "first"]
"""In which zones a vehicle counts where zones overlap."""
FormatName = Literal["itcvd", "dlr3k", "vedai", "dota", "yolo", "voc", "coco", "vectors"]
"""The formats of labelled data sets that are converted."""

VEHICLE_TYPES = ("car", "van", "bus", "truck")
"""The types of vehicle that labels and detections can tell."""

UNKNOWN_TYPE = -1
"""Stands for a type that a data set does not tell, where types are numbers."""

LONGEST_VEHICLE_M = 20.0
"""Patches overlap by this much, so that one of them sees each vehicle whole:
an articulated bus is 18 m long, an EU lorry with trailer 18.75 m."""

WIDEST_VEHICLE_M = 3.2
"""A square of this size that is black in every band is no dark vehicle but the
outside of a flight: road vehicles are at most 2.55 m (EU) or 2.6 m (US) wide."""

BLACK_LEVEL = 6
"""8-bit level up to which a pixel counts as black; JPEG noise lifts pure black
by a few levels."""

GSD_TOLERANCE = 0.05
"""Rasters within 5 % of the scene's GSD are read as they are: the detector is
trained over a scale range many times wider, and unresampled pixels are exact."""

RIM = 16
"""Pixels that a patch goes on beyond its edges, mirrored: a cell of the detector's map.  So a
vehicle that the edge of a raster cuts is found more surely, and up to the very edge; with
wider rims its mirror image becomes another vehicle."""

SEAM_BAND_M = 2.0
"""Half-width of the band along core borders in which a vehicle may be reported
by two neighbouring patches: far above the detector's jitter of the centre."""

SEAM_BOX_IOU = 0.5
"""Horizontal boxes of two patches that overlap by more are two views of one vehicle:
views differ by a few pixels, diagonal neighbours in a car park overlap by up to 0.45."""

SEAM_FOOTPRINT_IOU = 0.1
"""The same of footprints: those of neighbours do not overlap at all, and two views of
one vehicle may lie askew."""

OPEN_RASTERS = 8
"""Rasters that a thread keeps open: tasks come raster by raster, and every open one
costs a handle and a cache."""

SCHEDULER_SECONDS = 10.0
"""A Dask scheduler that does not answer within it is taken for absent: Dask's own is 30,
of a command line that is long."""

TASKS_AHEAD = 3
"""Tasks for each thread of a cluster that are handed to its scheduler at once: one in work
and one that waits keep it busy, and one more lets clusters that adapt grow."""

WORKER_THREADS = 2
"""Threads of a worker of this machine: one reads while the other has the detector."""

WORKER_GRACE_SECONDS = 1.0
"""What a worker of this machine gets to end by itself, after the last task or Ctrl-C."""

LIMITS_HOLD_FOR = 1024**2
"""Pixels that the limits on proposals and detections of a patch are meant for; larger
patches may have as many more."""

SHEET_CUT_SHARE = 0.5
"""A view of a vehicle that a sheet's edge cuts lies wholly on the whole one of another sheet,
those of neighbours hardly touch it: half stands in the middle."""

SHEET_MARGIN = 0.01
"""Share of a sheet's diagonal by which its extent is taken larger: an edge of 10 km bends by
2 m on the way to another CRS, and what is looked at in vain costs memory only."""

REGION_STEP_M = 1000.0
"""Longest edge of a polygon that is brought to another CRS: on the globe's radius of
6,371 km a chord of that length is off its arc by 2 cm."""

ONNX_OPSET = 18
"""The oldest that torch's exporter writes, so that the most runtimes read it."""

ONNX_LARGEST_PATCH = 2048
"""Longest side of a patch, pixels, that an exported graph takes with its rim."""

ONNX_LARGEST_SIDE = ONNX_LARGEST_PATCH + 2 * RIM
"""The same with the rim.  The graph holds as many choices of proposals as such a patch has
stripes, one after another."""

CALIBRATION_SIDE = 512
"""Side of the patches that 8-bit ranges are measured on, pixels: all values of a network of
1024 x 1024 are more than a laptop's memory."""

STRETCH_PERCENTILES = (2.0, 98.0)
"""Cumulative cut of the linear stretch to 8 bits, the default of QGIS."""

RASTER_SUFFIXES = (
    ".tif", ".tiff", ".vrt", ".jp2", ".j2k", ".ecw", ".sid", ".img", ".png", ".jpg", ".jpeg"
)  # fmt: skip
"""The files of a folder that are taken for rasters, upper case as well: the formats that
orthophotos are delivered in.  Grids of heights, such as .asc, are none."""

DENSITY_CELLS = 1_000_000_000
"""Most cells of a density grid: Germany in cells of 25 m.  More are a mistyped cell size."""

LARGEST_PLAN = 1_000_000
"""Most patches of a raster, some 18,000 km² at 10 cm: each costs 500 bytes before the search.
A header that lies may ask for a million million."""

LARGEST_COUNT = 100_000
"""No number of a detector's configuration is larger: the file that holds it may be a stranger's."""

LARGEST_TUPLE = 32
"""No list in it is longer, such as that of the anchors."""

LARGEST_POOLED = 2**27
"""Values of all pooled proposals of a patch of 1024 pixels: those of the paper are a tenth."""

LARGEST_SMOOTHING = 0.25
"""Of a network's smoothing: with it a pixel keeps half of itself along each axis."""

LAYER_CHUNK = 50_000
"""Rows of a layer that are written at once: about 80 MB while it happens, and more do not go
faster."""

LAYER_PIECES = 1000
"""Pieces of a layer that wait to be written together, however few their rows: each costs
some 15 kB."""


def setting(default: Any, help: str, **metadata: Any) -> Any:
    """Return a dataclass field with a default, a help text and option hints."""
    return field(default=default, metadata={"help": help, **metadata})


class Ranged:
    """A settings class whose fields keep the range that :func:`setting` gave them."""

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            value = getattr(self, one.name)
            choices = one.metadata.get("choices")
            if choices and value not in choices:
                raise SettingsError(f"{one.name} is {value!r}; choose one of {', '.join(choices)}")
            low = one.metadata.get("minimum", -math.inf)
            high = one.metadata.get("maximum", math.inf)
            if not isinstance(value, int | float):
                continue
            above = value > low if one.metadata.get("open_minimum") else value >= low
            if not (math.isfinite(value) and above and value <= high):
                raise SettingsError(f"{one.name} is {value}, which is outside its range")


def _is_like(value: Any, example: Any) -> bool:
    """Tell whether a number, truth or text is of the kind of another, and not absurdly large."""
    if isinstance(example, tuple):
        kind, least = (example[0], 1) if example else ("", 0)
        long = least <= len(value) <= LARGEST_TUPLE
        return long and all(one and _is_like(one, kind) for one in value)
    if isinstance(example, bool | str):
        return type(value) is type(example)
    if isinstance(example, int):
        return type(value) is int and 0 < value <= LARGEST_COUNT
    return type(value) in (int, float) and 0 <= value <= LARGEST_COUNT  # nan as well


@dataclass(frozen=True)
class DetectorConfig:
    """The architecture and losses of a detector; the defaults are the paper's [1]_.

    Boxes are in pixels of the training GSD.  A checkpoint stores this object, so
    detection cannot disagree with training.
    """

    backbone: BackboneName = "resnet50"
    """ResNet-50 [1]_; ``resnet50v2`` is its pre-activation form."""
    skip_connection: bool = True
    """Fuse conv4 with the upsampled conv5 (the paper's first change)."""
    rpn_loss: LossName = "focal"
    """Objectness loss (the paper's second change)."""
    head_loss: LossName = "focal"
    """Classification loss of the head (the paper's third change)."""
    focal_gamma: float = 2.0
    """Focusing parameter of both focal losses [1]_, [2]_."""
    prior: float = 0.01
    """Foreground probability at the start of training: biases of the focal
    classifiers are set to -log((1 - prior) / prior) [2]_."""
    conv5_channels: int = 1024
    """conv5 is reduced from 2048 to this by a 1x1 convolution [1]_: the width of
    conv4, with which it is fused."""
    feature_channels: int = 1024
    """Channels that the RPN and the head see; fewer than the fused map's 1024 puts
    one linear 1x1 projection before both, and head and RPN become lighter."""
    rpn_channels: int = 1024
    """Width of the 3x3 convolution of the RPN."""
    head_channels: int = 1024
    """Width of the two fully connected layers of the head."""
    anchor_sizes: tuple[int, ...] = (30, 50, 70)
    """Square root of the anchor areas, pixels [1]_."""
    anchor_ratios: tuple[float, ...] = (1.0, 2.0, 0.5)
    """Height over width of the anchors [1]_."""
    rpn_positive_iou: float = 0.7
    """Anchors above it are positive [1]_."""
    rpn_negative_iou: float = 0.1
    """Anchors below it are negative [1]_; those between take no part."""
    rpn_batch: int = 128
    """Anchors in a mini-batch of an image: 64 positive, 64 negative [1]_."""
    rpn_positive_fraction: float = 0.5
    drop_border_anchors: bool = True
    """Leave anchors that cross the image border out of training [1]_, [3]_."""
    rpn_regression_weight: float = 15.0
    """The paper's lambda [1]_."""
    rpn_nms_iou: float = 0.7
    """[3]_"""
    rpn_top_n_train: int = 2000
    """Proposals kept after NMS in training [3]_."""
    rpn_top_n: int = 300
    """Proposals kept after NMS in detection [3]_."""
    head_batch: int = 128
    """Proposals in a mini-batch of an image [3]_."""
    head_positive_fraction: float = 0.25
    """One positive in four, the paper's 1 : 3 [1]_."""
    head_positive_iou: float = 0.5
    """[3]_"""
    head_regression_weight: float = 1.0
    """The paper's lambda 2 [1]_."""
    head_direction_weight: float = 0.15
    """Weight of the loss of an oriented head's directions: at 0.5 it outweighed the focal
    loss, which rose in training."""
    head_type_weight: float = 0.5
    """Weight of the loss of the types; of 0.1 and 0.5, neither told vans from cars."""
    roi_size: int = 7
    """Cells a side of a pooled proposal [3]_."""
    oriented: bool = False
    """Regress the vehicle's own rectangle in place of the horizontal box around it."""
    types: tuple[str, ...] = ()
    """Types of vehicle that the head tells apart as its second answer; none without."""
    smoothing: float = 0.0
    """What a pixel takes of each neighbour in its row, then in its column, before detection."""
    detections_per_patch: int = 300
    score_threshold: float = 0.5
    """Detections below it are not reported unless the user asks for them."""
    nms_iou: float = 0.3
    """Of two detections that overlap by more, the better one stays."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("backbone", get_args(BackboneName)),
            ("rpn_loss", get_args(LossName)),
            ("head_loss", get_args(LossName)),
        ):
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}"
                )
        for name in ("anchor_sizes", "anchor_ratios", "types"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for one in fields(self):
            if not _is_like(getattr(self, one.name), one.default):
                told = reprlib.repr(getattr(self, one.name))
                raise SettingsError(f"{one.name} is {told}; another kind of value is needed")
        for name in ("prior", "rpn_nms_iou", "score_threshold", "nms_iou"):
            if getattr(self, name) > 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it is 1 at most")
        if self.smoothing > LARGEST_SMOOTHING:
            raise SettingsError(f"smoothing is {self.smoothing}; it is {LARGEST_SMOOTHING} at most")
        self._check_proposals()
        if self.types not in ((), VEHICLE_TYPES) or (self.types and not self.oriented):
            raise SettingsError(
                f"types are {self.types}; an oriented head tells {', '.join(VEHICLE_TYPES)} or none"
            )

    def _check_proposals(self) -> None:
        if self.rpn_negative_iou > self.rpn_positive_iou:
            raise SettingsError(
                f"rpn_negative_iou is {self.rpn_negative_iou}, which is above rpn_positive_iou,"
                f" {self.rpn_positive_iou}"
            )
        if self.rpn_top_n * self.roi_size**2 * self.feature_channels > LARGEST_POOLED:
            raise SettingsError(
                f"{self.rpn_top_n} proposals of {self.roi_size} x {self.roi_size} cells with"
                f" {self.feature_channels} channels are too much"
            )


@dataclass(frozen=True)
class PaperSettings:
    """What the paper states about data, training and evaluation [1]_."""

    detector: DetectorConfig = DetectorConfig()
    gsd: float = 0.10
    """Ground sampling distance of the ITCVD images, metres."""
    patch_height: int = 674
    patch_width: int = 752
    """Patch size, pixels."""
    rpn_learning_rate: float = 1e-5
    evaluation_iou: float = 0.3
    """A detection with at least this IoU to an unmatched vehicle is true."""


PAPER = PaperSettings()

FASTER_RCNN = DetectorConfig(
    skip_connection=False, rpn_loss="cross-entropy", head_loss="cross-entropy"
)
"""The baseline: what the paper changes, changed back."""

DEFAULT_DETECTOR = DetectorConfig(
    backbone="resnet50v2",
    feature_channels=256,
    rpn_channels=512,
    head_channels=512,
    anchor_sizes=(24, 40, 64, 110),
    rpn_negative_iou=0.3,
    rpn_positive_iou=0.6,
    rpn_batch=256,
    drop_border_anchors=False,
    rpn_regression_weight=1.0,
    rpn_top_n_train=300,
    head_batch=256,
    head_regression_weight=0.3,
    oriented=True,
    rpn_top_n=1500,
    smoothing=0.08,
    detections_per_patch=1000,
    score_threshold=0.6,
    nms_iou=0.15,
)
"""The detector of the shipped weights: the paper's network with a lighter head
(68 MB in float16), a fourth anchor size for buses, and limits that fit a full
car park in one patch."""


@dataclass(frozen=True)
class HogSvmConfig(Ranged):
    """The HOG + SVM baseline of the paper [1]_: windows, pyramid and learning.

    Sizes in pixels are those of the training GSD.  The paper names the method
    alone; features and learning are those of its inventors [4]_, and what depends
    on the object is set for cars of 4.8 m x 2.4 m at 0.10 m.
    """

    orientations: int = setting(9, "Bins of unsigned gradient direction [4]_.", minimum=1)
    cell: int = setting(6, "Side of a cell, pixels; 6 to 8 do best [4]_.", minimum=2)
    block: int = setting(2, "Cells a side of the blocks that are normalised [4]_.", minimum=1)
    windows: tuple[tuple[int, int], ...] = ((6, 10), (10, 6), (9, 9))
    """Rows and columns of cells of the windows: lying, standing and diagonal cars."""
    margin: int = setting(
        1, "Cells of context around the vehicle in a window, for which [4]_ is.", minimum=0
    )
    scales: tuple[float, ...] = (0.8, 0.95, 1.13, 1.35, 1.6)
    """Vehicle sizes that are looked for, as multiples of the window's own; steps of
    1.2 [4]_."""
    penalty: float = setting(0.01, "C of the soft linear SVM [4]_.", minimum=0.0, open_minimum=True)
    views: int = setting(300, "Views from which the first windows are taken.", minimum=1)
    jitters: int = setting(2, "Windows cut around each vehicle.", minimum=1)
    negatives: int = setting(12, "First background windows, for each view and shape.", minimum=1)
    mining_rounds: int = setting(
        2, "Searches for hard negatives; [4]_ does one, more change little.", minimum=0
    )
    mined_views: int = setting(100, "Views that a round searches.", minimum=1)
    mined: int = setting(12, "Most hard negatives, for each view, scale and shape.", minimum=1)
    calibration_views: int = setting(60, "Fresh views on which scores are calibrated.", minimum=1)
    positive_iou: float = setting(
        0.3, "A detection that overlaps a vehicle by it is true [1]_.", minimum=0.0, maximum=1.0
    )
    score_threshold: float = setting(0.5, "As DetectorConfig's.", minimum=0.0, maximum=1.0)
    nms_iou: float = setting(0.3, "As DetectorConfig's.", minimum=0.0, maximum=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        windows = tuple((int(rows), int(columns)) for rows, columns in self.windows)
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "scales", tuple(float(scale) for scale in self.scales))
        for one in fields(self):
            value = getattr(self, one.name)
            if value != 0 and not _is_like(value, one.default):
                raise SettingsError(f"{one.name} is of another kind, or absurdly large")
        least = max(self.block, 2 * self.margin + 1)
        if not windows or min(map(min, windows)) < least:
            raise SettingsError(f"windows are {windows}; each side needs {least} cells or more")
        if not self.scales or not all(1 / 16 <= scale < math.inf for scale in self.scales):
            raise SettingsError(f"scales are {self.scales}; give some from 1/16 on")


FINER = 1.3
"""How many times finer than the model's ground sampling distance a scene may be.  On the
validation images quality rises up to there and falls beyond."""


@dataclass(frozen=True)
class DetectSettings(Ranged):
    """How a raster is searched; every field is an option of ``geovehicle detect``."""

    score: float | None = setting(
        None,
        "Lowest score of a reported vehicle, 0 to 1.  [default: the weights' own]",
        minimum=0.0,
        maximum=1.0,
    )
    nms: float | None = setting(
        None,
        "Of two detections whose IoU is above this the better one stays, 0 to 1."
        "  [default: the weights' own]",
        minimum=0.0,
        maximum=1.0,
    )
    bands: tuple[int, ...] | None = setting(
        None,
        "Bands used as red,green,blue, from 1, such as 4,3,2; a single band is grey."
        "  [default: by colour interpretation]",
    )
    gsd: float | None = setting(
        None,
        "Metres on the ground of one of the rasters' pixels, where their CRS is missing or wrong."
        "  [default: from the CRS]",
        minimum=0.0,
        open_minimum=True,
    )
    finest: float | None = setting(
        None,
        "Finest ground sampling distance that rasters are searched at, metres; finer ones are"
        f" reduced to it.  [default: {FINER:g} times finer than the model's, as far as it was"
        " trained so]",
        minimum=0.0,
        open_minimum=True,
    )
    patch: int = setting(2048, "Longest side of a patch, in pixels of the search.", minimum=256)
    overlap: float = setting(
        LONGEST_VEHICLE_M,
        "Overlap of neighbouring patches in metres: the longest vehicle.",
        minimum=0.0,
    )
    block: int = setting(
        1,
        "Patches a side of a block: what is read at once, and recorded once it is done.",
        minimum=1,
    )
    batch: int = setting(
        1,
        "Patches of a block that go through the detector together; more can help on a GPU.",
        minimum=1,
    )
    device: DeviceName = setting("auto", "Where the detector runs.", choices=get_args(DeviceName))
    precision: PrecisionName = setting(
        "auto",
        "Arithmetic of the detector; auto takes int8 on processors that are fast in it, if the"
        " weights are prepared for it, or bfloat16 where that is fast.",
        choices=get_args(PrecisionName),
    )
    boxes: BoxesName = setting(
        "oriented",
        "Shape of the polygons: as each vehicle lies, or horizontal boxes around them.",
        choices=get_args(BoxesName),
    )


@dataclass(frozen=True)
class EngineSettings(Ranged):
    """What does the work of ``geovehicle detect``, see docs/cluster.md for the last bits."""

    engine: EngineName = setting(
        "local",
        "What does the work: local, this process; dask, the workers of a cluster.",
        choices=get_args(EngineName),
    )
    scheduler: str | None = setting(
        None,
        "Address of a Dask scheduler, such as tcp://host:8786, with --engine dask."
        "  [default: a cluster of this machine for the time of the job]",
    )
    workers: int | None = setting(
        None,
        "Workers of the cluster that --engine dask starts on this machine."
        "  [default: one per GPU, or else one]",
        minimum=1,
    )
    readers: int = setting(
        2, "Threads that read ahead of the detector, with --engine local.", minimum=1
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("scheduler", "workers"):
            if getattr(self, name) is not None and self.engine != "dask":
                raise SettingsError(f"{name} is of a Dask cluster; add --engine dask")
        if self.scheduler is not None and self.workers is not None:
            raise SettingsError(
                "an existing scheduler has its own workers; leave out --workers or --scheduler"
            )


@dataclass(frozen=True)
class TrainSettings(Ranged):
    """How a detector is trained.

    The fields with a help text are options of ``geovehicle train``.
    """

    iterations: int = setting(3000, "Optimiser steps.", minimum=1)
    batch: int = setting(4, "Crops a step.", minimum=1)
    crop: int = setting(
        512, "Height of a training crop in pixels, and its width without --crop-width.", minimum=64
    )
    crop_width: int | None = setting(
        None, "Width of a training crop where it is no square.", minimum=64
    )
    gsd: float = setting(
        0.10, "Ground sampling distance that the model works at, metres.", minimum=0.001
    )
    gsd_range: tuple[float, float] | None = setting(
        None,
        "Finest and coarsest ground sampling distance of the training crops, metres:"
        " what the model is to cope with.  [default: --gsd / 1.5 to --gsd / 0.7]",
        minimum=0.0,
        open_minimum=True,
    )
    learning_rate: float = setting(2e-4, "Peak learning rate.", minimum=0.0, open_minimum=True)
    rpn_learning_rate: float | None = setting(
        None,
        "Peak learning rate of the region proposal network.  [default: that of the rest]",
        minimum=0.0,
        open_minimum=True,
    )
    synthetic: float = setting(
        0.3, "Share of rendered views among the views.", minimum=0.0, maximum=1.0
    )
    copy_paste: float = setting(
        0.4,
        "Share of crops on which vehicles of another image are pasted.",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = setting(0, "Seed of every random choice.", minimum=0)
    workers: int = setting(1, "Processes that prepare crops.", minimum=0)
    save_every: int = setting(250, "Iterations between two checkpoints.", minimum=1)
    val_every: int = setting(500, "Iterations between two validations.", minimum=1)
    patience: int | None = setting(
        None,
        "Validations without a better AP50 after which training ends.  [default: never]",
        minimum=1,
    )
    device: DeviceName = setting(
        "auto", "Where the model is trained.", choices=get_args(DeviceName)
    )
    precision: FloatName = setting(
        "auto",
        "Arithmetic of the model; auto takes bfloat16 where it is fast.",
        choices=get_args(FloatName),
    )
    optimiser: OptimiserName = setting(
        "adamw", "AdamW, or stochastic gradient descent.", choices=get_args(OptimiserName)
    )
    schedule: ScheduleName = setting(
        "cosine",
        "How the learning rate falls: along half a cosine to 1 %, or to 10 % after three"
        " quarters of the iterations.",
        choices=get_args(ScheduleName),
    )
    warm_up: int = 100
    """Iterations over which the learning rate rises."""
    momentum: float = 0.9
    """Of stochastic gradient descent [3]_."""
    weight_decay: float = 0.05
    backbone_factor: float = 0.3
    """The learning rate of ImageNet's layers is this much of the others'."""
    gradient_norm: float | None = 5.0
    """Gradients are clipped to this norm; without it they are not."""
    ema_half_life: float = 150.0
    """Iterations after which a weight's share in the moving average has halved; 0 keeps
    the weights as they are."""
    calibration: int = 16
    """Batches on which the averaged weights' batch statistics are measured; 0 keeps them."""
    plain: bool = False
    """Crops are cut and mirrored [3]_, and nothing else is done to them."""
    scales: tuple[float, float] = (0.7, 1.5)
    """Range of the random scale."""
    tiled: float = 0.5
    """Share of crops that are put together from four views."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gsd_range is None:
            return
        low, high = self.gsd_range
        if not 0 < low <= self.gsd <= high < math.inf:
            raise SettingsError(
                f"gsd_range is {low:g} to {high:g} m, which does not contain the model's"
                f" {self.gsd:g} m"
            )

    @property
    def crop_size(self) -> tuple[int, int]:
        """Width and height of a training crop, pixels."""
        return self.crop_width or self.crop, self.crop

    @property
    def view_scales(self) -> tuple[float, float]:
        """Range of the random scale, from the coarsest view to the finest."""
        if self.gsd_range is None:
            return self.scales
        low, high = self.gsd_range
        return self.gsd / high, self.gsd / low


PAPER_TRAINING = TrainSettings(
    iterations=80_000,
    batch=1,
    crop=PAPER.patch_height,
    crop_width=PAPER.patch_width,
    gsd=PAPER.gsd,
    learning_rate=1e-3,
    rpn_learning_rate=PAPER.rpn_learning_rate,
    synthetic=0.0,
    copy_paste=0.0,
    optimiser="sgd",
    schedule="step",
    warm_up=0,
    weight_decay=5e-4,
    backbone_factor=1.0,
    gradient_norm=None,
    ema_half_life=0.0,
    calibration=0,
    plain=True,
    scales=(1.0, 1.0),
    tiled=0.0,
)
"""The paper's patches and learning rate of the RPN [1]_.  What it does not tell is
Faster R-CNN's: one image a step, momentum, weight decay, 60,000 steps at 0.001 and
20,000 at a tenth of it, mirrored images [3]_."""


@dataclass(frozen=True)
class ConvertSettings(Ranged):
    """How a labelled data set becomes COCO; every field is an option of ``geovehicle convert``."""

    gsd: float | None = setting(
        None,
        "Ground sampling distance of images that do not tell theirs, metres; for vectors, of the"
        " tiles.  [default for vectors: 0.1]",
        minimum=0.0,
        open_minimum=True,
    )
    val_share: float = setting(
        0.2,
        "Share of the training images kept for validation, unless the data set has a part for it.",
        minimum=0.0,
        maximum=0.9,
    )
    seed: int = setting(0, "Which places become validation.", minimum=0)
    patch: tuple[int, ...] | None = setting(
        None,
        "Cut the training images into patches of this width,height in pixels."
        "  [default: 752,674 for itcvd, the paper's; whole images otherwise]",
    )
    no_patches: bool = setting(
        False, "Keep the training images whole where the format would cut them."
    )
    overlap: float = setting(
        5.0,
        "Least overlap of neighbouring patches in metres: a car's length, which makes"
        " 8 by 6 patches of an ITCVD image.",
        minimum=0.0,
    )
    only: str | None = setting(
        None, "Text file with the names of the images to take, one a line, without suffix."
    )
    nadir_only: bool = setting(
        False, "Leave out images that look oblique, by a rule of thumb (itcvd)."
    )
    raster: tuple[str, ...] = setting(
        (), "Orthophoto under the features, once for each (vectors).  [default: those beside them]"
    )
    layer: str | None = setting(
        None, "Layer of the vehicles, needed only where there are several (vectors)."
    )
    point_size: float = setting(
        4.0,
        "Side of the square around a point without heading, metres (vectors): that of the box"
        " around a car, on average over its headings.",
        minimum=0.0,
        open_minimum=True,
    )
    strict: bool = setting(False, "Write nothing if a single record is bad.")
    overwrite: bool = setting(
        False, "Replace an older result of a conversion, and no other folder."
    )


@dataclass(frozen=True)
class ExportSettings(Ranged):
    """How a network is exported; every field is an option of ``geovehicle export``."""

    format: ExportName = setting("onnx", "Format of the file.", choices=get_args(ExportName))
    quantize: QuantizeName = setting(
        "none",
        "int8 computes in 8-bit integers in place of float32: a quarter of the size, and faster.",
        choices=get_args(QuantizeName),
    )
    patches: int = setting(
        24,
        "Patches that the ranges of the integers are measured on.",
        minimum=1,
    )
    seed: int = setting(0, "Which patches these are.", minimum=0)
    overwrite: bool = setting(False, "Replace an existing file.")


@dataclass(frozen=True)
class ScoreSettings(Ranged):
    """Which vehicles of a layer count."""

    score: float | None = setting(
        None,
        "Lowest score of a vehicle that counts, 0 to 1.  [default: all count]",
        minimum=0.0,
        maximum=1.0,
    )


@dataclass(frozen=True)
class CountSettings(ScoreSettings):
    """How vehicles are counted; every field is an option of ``geovehicle count``."""

    overlap: OverlapName = setting(
        "each",
        "Where zones overlap, a vehicle counts in each of them, or in the first alone.",
        choices=get_args(OverlapName),
    )
    capacity: str | None = setting(
        None, "Field of the zones with the vehicles that have room; adds the field occupancy."
    )
    by_label: bool = setting(False, "Add a field with the vehicles of each label.")


@dataclass(frozen=True)
class DensitySettings(ScoreSettings):
    """How dense vehicles are; every field is an option of ``geovehicle density``."""

    cell: float = setting(
        50.0, "Side of a cell, or width of a hexagon, in metres of the CRS.", minimum=1.0
    )
    """A quarter of a hectare: a full car park is several cells, and each holds some dozens."""
    hex: bool = setting(False, "Write hexagons as polygons, in place of a raster.")


@dataclass(frozen=True)
class CompareSettings(ScoreSettings):
    """How two layers are compared; every field is an option of ``geovehicle compare``."""

    iou: float = setting(
        PAPER.evaluation_iou,
        "Vehicles whose outlines have at least this IoU are one that stayed: as in evaluations.",
        minimum=0.0,
        maximum=1.0,
        open_minimum=True,
    )


@dataclass(frozen=True)
class FilterSettings(ScoreSettings):
    """Which vehicles stay; every field is an option of ``geovehicle filter``."""

    min_length: float | None = setting(None, "Shortest vehicle that stays, metres.", minimum=0.0)
    max_length: float | None = setting(None, "Longest vehicle that stays, metres.", minimum=0.0)
    min_width: float | None = setting(None, "Narrowest vehicle that stays, metres.", minimum=0.0)
    max_width: float | None = setting(None, "Widest vehicle that stays, metres.", minimum=0.0)
    label: tuple[str, ...] = setting((), "Label that stays; repeat it for several.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for side in ("length", "width"):
            low, high = getattr(self, f"min_{side}"), getattr(self, f"max_{side}")
            if low is not None and high is not None and low > high:
                raise SettingsError(f"min_{side} is {low:g} and max_{side} {high:g}; exchange them")


@dataclass(frozen=True)
class MapSettings(Ranged):
    """What a map for a browser shows; every field is an option of ``geovehicle map``."""

    pixels: int = setting(
        4096,
        "Longer side of the picture at most, pixels.",
        minimum=256,
        maximum=8192,
    )
    """Browsers on phones hold pictures of 16 million pixels."""
    bands: tuple[int, ...] | None = setting(
        None,
        "Bands of the orthophoto shown as red,green,blue, from 1, such as 4,3,2; a single band is"
        " grey.  [default: by colour interpretation]",
    )
    gsd: float | None = setting(
        None,
        "Metres on the ground of one of the orthophoto's pixels, where its CRS is missing or wrong."
        "  [default: from the CRS]",
        minimum=0.0,
        open_minimum=True,
    )
    title: str | None = setting(
        None, "Heading of the page.  [default: Vehicles in the orthophoto's name]"
    )
    attribution: str | None = setting(
        None, "Line below the map: whom the orthophoto is owed to, its licence."
    )
