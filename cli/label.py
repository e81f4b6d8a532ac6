"""``geovehicle label``: ignore boxes that a detector confirms become labels."""

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
    settings: DetectSettings,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn the ignore boxes that a detector confirms into labels.

    A data set often marks vehicles that nobody outlined with care as "iscrowd".
    Where a detection of at least --score (0.3 unless given) covers such a box, both
    vouch for a vehicle, and a training on NEW.json learns from it.  Everything else
    in the data set stays as it is.
    """
    from geovehicle.labelling import confirm_ignored

    if output.resolve().parent != dataset.resolve().parent:
        raise click.UsageError("NEW.json must lie beside DATASET.json, where the images are")
    check_writable(output, overwrite)
    pace, events = Pace(), Events(as_json)
    with StatusLine(shown=not as_json) as line:

        def report(done: int, images: int) -> None:
            line.show(f"image {done}/{images}  {clock(pace(done, images)[1])} left")
            events.progress(done, images)

        result = confirm_ignored(dataset, weights, settings, report)
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(result.content), encoding="ascii")
    total = result.labels + result.ignored
    summary = {"labels": result.labels, "ignored": result.ignored, "output": str(output)}
    tell(summary, f"{result.labels} of {total} ignore boxes became labels → {output}", as_json)
