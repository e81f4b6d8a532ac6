from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geovehicle.data.division import divide
from geovehicle.data.records import OVERLAPPING, Labels, Record


def record(name, scene="", position=None, split=""):
    labels = Labels.of_boxes(np.zeros((0, 4)), (), np.zeros(0, bool))
    told = {"scene": scene, "position": position, "split": split}
    return Record(name, 10, 10, 0.1, labels, lambda: np.zeros((10, 10, 3), np.uint8), **told)


def flight(scene, numbers):
    return [record(f"{number:05d}", scene, number) for number in numbers]


def names(records, parts, part):
    return [one.name for one, its in zip(records, parts, strict=True) if its == part]


def test_a_flight_gives_its_last_images_and_loses_those_between():
    records = flight("north", range(20))
    parts = divide(records, 0.2)
    assert names(records, parts, "val") == ["00016", "00017", "00018", "00019"]
    assert names(records, parts, "between") == ["00014", "00015"]
    assert len(names(records, parts, "train")) == 14


def test_gaps_in_a_flight_are_gaps_on_the_ground():
    records = flight("north", [0, 1, 2, 3, 4, 5, 6, 8, 11, 12])
    parts = divide(records, 0.2)
    assert names(records, parts, "val") == ["00011", "00012"]
    assert names(records, parts, "between") == []


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    share=st.floats(0.01, 0.9),
    seed=st.integers(0, 5),
    step=st.integers(1, 3),
)
def test_no_trained_image_shows_ground_of_the_validation(lengths, share, seed, step):
    records = []
    for index, length in enumerate(lengths):
        start = 1000 * index
        records += flight(f"scene {index}", range(start, start + length * step, step))
    parts = divide(records, share, seed)
    train, val = (
        [one for one, its in zip(records, parts, strict=True) if its == part]
        for part in ("train", "val")
    )
    assert train
    for one in train:
        near = [abs(one.position - other.position) for other in val if other.scene == one.scene]
        assert not near or min(near) > OVERLAPPING
    assert len(val) <= max(1, round(share * len(records)))


@given(
    scenes=st.lists(st.integers(0, 4), min_size=1, max_size=30),
    share=st.floats(0.01, 0.9),
    seed=st.integers(0, 5),
)
def test_scenes_without_an_order_stay_whole(scenes, share, seed):
    records = [record(f"{index}", f"place {scene}") for index, scene in enumerate(scenes)]
    parts = divide(records, share, seed)
    where = {(one.scene, part) for one, part in zip(records, parts, strict=True)}
    assert max(Counter(scene for scene, _ in where).values()) == 1
    assert "between" not in parts
    assert "train" in parts


def test_images_that_tell_no_scene_stay_beside_their_neighbours():
    records = [record(f"tile_{index:03d}") for index in range(10)]
    parts = divide(records[::-1], 0.3)
    assert names(records[::-1], parts, "val") == ["tile_009", "tile_008", "tile_007"]


def test_the_seed_chooses_the_places():
    records = [record(f"{index}", f"place {index}") for index in range(30)]
    chosen = {tuple(divide(records, 0.2, seed)) for seed in (0, 1, 1, 2)}
    assert len(chosen) == 3
    assert all(parts.count("val") == 6 for parts in chosen)


def test_a_validation_part_of_the_data_set_is_kept():
    records = [record("a", split="train"), record("b", split="val"), record("c")]
    assert divide(records, 0.9) == ["train", "val", "train"]


def test_the_test_part_is_never_touched():
    records = [record(f"{index}", f"{index}", split="test") for index in range(5)]
    records += [record(f"t{index}", f"t{index}") for index in range(5)]
    parts = divide(records, 0.4)
    assert parts[:5] == ["test"] * 5
    assert parts.count("val") == 2


@pytest.mark.parametrize(
    "records",
    [
        [record("a")],
        [record("a", "one place"), record("b", "one place"), record("c", "one place")],
        flight("north", [1, 2, 3]),
    ],
)
def test_too_few_places_leave_everything_to_training(records):
    assert divide(records, 0.3) == ["train"] * len(records)


def test_no_share():
    assert divide(flight("north", range(9)), 0.0) == ["train"] * 9
