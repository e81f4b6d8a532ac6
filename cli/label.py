"""``geovehicle label``: what labels and a detector agree upon becomes better labels."""

from __future__ import annotations

import json
from pathlib import Path

import click

from geovehicle.files import check_writable, replacing
from geovehicle.settings import DetectSettings

from .events import Events, json_option
from .options import options_of, weights_option
from .outputs import tell
from .progress import Pace, StatusLine, clock


@click.command("label")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.json")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="NEW.json",
    help="The data set with the new labels, in the folder of the old one.",
)
@weights_option
@click.option(
    "--footprints",
    is_flag=True,
    help="Tell how labelled vehicles lie instead, where four turned views agree.",
)
@options_of(
    DetectSettings,
    leave_out=("bands", "boxes", "block"),
    helps={
        "score": "Lowest score of a detection that confirms, 0 to 1.  [default: 0.3]",
        "gsd": "Ground sampling distance of images that do not tell theirs, metres.",
    },
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@json_option("Print the summary as one line of JSON, and on stderr how far it is.")
def command(
    dataset: Path,
    output: Path,
    weights: str,
    footprints: bool,
    settings: DetectSettings,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn the ignore boxes that a detector confirms into labels.

    A data set often marks vehicles that nobody outlined with care as "iscrowd".
    Where a detection of at least --score (0.3 unless given) covers such a box, both
    vouch for a vehicle, and a training on NEW.json learns from it.  Everything else
    in the data set stays as it is.

    With --footprints, ignore boxes stay, and labels that tell a horizontal box only get
    the four corners of their vehicle, where it is found alike in three of four views of
    the image and fills the box.
    """
    from geovehicle.labelling import add_footprints, confirm_ignored

    if output.resolve().parent != dataset.resolve().parent:
        raise click.UsageError("NEW.json must lie beside DATASET.json, where the images are")
    check_writable(output, overwrite)
    pace, events = Pace(), Events(as_json)
    with StatusLine(shown=not as_json) as line:

        def report(done: int, images: int) -> None:
            line.show(f"image {done}/{images}  {clock(pace(done, images)[1])} left")
            events.progress(done, images)

        change = add_footprints if footprints else confirm_ignored
        result = change(dataset, weights, settings, report)
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(result.content), encoding="ascii")
    keys, what = (
        (("footprints", "without"), "labels got footprints")
        if footprints
        else (("labels", "ignored"), "ignore boxes became labels")
    )
    summary = {keys[0]: result.changed, keys[1]: result.left, "output": str(output)}
    total = result.changed + result.left
    tell(summary, f"{result.changed} of {total} {what} → {output}", as_json)
