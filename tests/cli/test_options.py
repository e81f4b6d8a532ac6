from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from geovehicle.cli.options import options_of
from geovehicle.settings import ConvertSettings, DetectSettings, TrainSettings, setting


@dataclass(frozen=True)
class Example:
    mode: Literal["fast", "good"] = setting("good", "How.")
    count: int = setting(3, "How many.", minimum=1, maximum=9)
    share: float = setting(0.5, "How much.", minimum=0.0, maximum=1.0)
    size_m: float | None = setting(None, "How large.", minimum=0.0, open_minimum=True)
    bands: tuple[int, ...] | None = setting(None, "Which.")
    quick: bool = setting(False, "Whether.")
    name: str | None = setting(None, "What for.")
    limits: tuple[float, float] | None = setting(None, "From where to where.", minimum=0.0)
    hidden: float = 7.0


def parse(settings_class, *arguments, **how):
    """Return the settings that a command receives, or what it says."""
    received = []

    @click.command()
    @options_of(settings_class, **how)
    def command(settings):
        received.append(settings)

    result = CliRunner().invoke(command, arguments)
    return received[0] if received else result.output


@pytest.mark.parametrize(
    "settings_class", [Example, ConvertSettings, DetectSettings, TrainSettings]
)
def test_without_options_the_defaults_hold(settings_class):
    assert parse(settings_class) == settings_class()


def test_values_are_converted():
    settings = parse(
        Example, "--mode=fast", "--count=9", "--share=0", "--size-m=0.25", "--bands=4,3,2",
        "--quick", "--name=it", "--limits", "0.5", "2",
    )  # fmt: skip
    assert settings == Example("fast", 9, 0.0, 0.25, (4, 3, 2), True, "it", (0.5, 2.0))


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--mode=best", "'best' is not one of 'fast', 'good'"),
        ("--count=0", "0 is not in the range 1<=x<=9"),
        ("--count=2.5", "'2.5' is not a valid integer"),
        ("--share=1.1", "1.1 is not in the range"),
        ("--share=nan", "nan is not a finite number"),
        ("--size-m=0", "0.0 is not in the range x>0"),
        ("--size-m=inf", "inf is not a finite number"),
        ("--bands=4;3", "'4;3' is not a list of numbers such as 4,3,2"),
        ("--bands=", "'' is not a list of numbers"),
        ("--hidden=1", "No such option"),
        ("--quick=yes", "does not take a value"),
    ],
)
def test_what_is_out_of_range_is_refused(argument, complaint):
    assert complaint in parse(Example, argument)


def test_the_help_has_the_text_and_the_default():
    text = " ".join(parse(Example, "--help").split())
    assert "--count INTEGER RANGE How many. [default: 3; 1<=x<=9]" in text
    assert "--size-m FLOAT RANGE How large. [x>0" in text
    assert text.index("--mode") < text.index("--count") < text.index("--bands")


def test_a_field_can_be_left_out():
    assert "No such option" in parse(Example, "--count=2", leave_out=("count",))
    assert parse(Example, leave_out=("count",)) == Example()


def test_the_ground_sampling_distance_of_rasters_is_above_zero():
    assert "--gsd" in parse(DetectSettings, "--gsd=0")
    assert math.isclose(parse(DetectSettings, "--gsd=0.05").gsd, 0.05)


def test_every_field_of_detection_is_an_option():
    text = parse(DetectSettings, "--help")
    for field in fields(DetectSettings):
        assert f"--{field.name} " in text


def test_a_type_without_an_option_is_a_bug():
    @dataclass(frozen=True)
    class Odd:
        value: bytes = setting(b"", "?")

    with pytest.raises(TypeError, match="value"):
        parse(Odd)
