from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

from geovehicle.export.drawing import STEPS, Frame, draw, hexadecimal, ramp
from geovehicle.export.preview import RAMP

FRAME = Frame(-60.0, -20.0, 60.0, 20.0)


def test_the_ramp_is_that_of_the_preview():
    colours = ramp()
    assert len(colours) == STEPS
    assert (colours[0], colours[-1]) == (hexadecimal(RAMP[0]), hexadecimal(RAMP[2]))
    assert hexadecimal((255, 0, 10)) == "#ff000a"


def test_the_photo_fills_the_frame():
    photo = Image.new("RGB", (120, 40), (200, 30, 30))
    text = json.dumps(draw(FRAME, photo, (0.3, 1.0)))
    data = text.partition("data:image/jpeg;base64,")[2].partition('"')[0]
    inside = Image.open(io.BytesIO(base64.b64decode(data)))
    assert inside.size == (120, 40)
    assert inside.getpixel((60, 20)) == pytest.approx((200, 30, 30), abs=3)
    assert '["w", [120.0]], ["h", [40.0]]' in text


def test_without_a_photo_nothing_is_loaded():
    assert "ImageURL" not in json.dumps(draw(FRAME, None, None))


@pytest.mark.parametrize("scores", [(0.3, 1.0), None])
def test_outlines_have_the_colours_of_scores_where_there_are_any(scores):
    text = json.dumps(draw(FRAME, None, scores))
    assert ("LinearColorMapper" in text) is (scores is not None)
    assert (hexadecimal(RAMP[1]) in text) is (scores is None)
