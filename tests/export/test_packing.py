from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import pytest

from geovehicle.export.packing import packed, packed_column


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), f"<{np.dtype(packed['type']).str[1:]}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", ">f4"])
def test_arrays_come_back(dtype):
    values = np.array([0, 1, 3, 200], dtype)
    told = packed(values[::2])
    assert told["type"] == values.dtype.name
    assert unpacked(told).tolist() == [0, 3]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1.0, np.nan, 3.0]),
        pd.Series([1, None, 3], dtype="float32"),
    ],
)
def test_numbers_are_float64_and_missing_ones_are_nan(column):
    assert packed_column(column)["type"] == "float64"
    assert unpacked(packed_column(column)) == pytest.approx([1, np.nan, 3], nan_ok=True)


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_names_are_codes(dtype):
    told = packed_column(pd.Series(["car", "bus", None, "car"]).astype(dtype))
    assert told["names"] == ["car", "bus"]
    assert unpacked(told["codes"]).tolist() == [0, 1, -1, 0]


def test_anything_else_is_its_text():
    assert packed_column(pd.Series([True, False]))["names"] == ["True", "False"]
    assert packed_column(pd.to_datetime(pd.Series(["2025-05-01"])))["names"] == [
        "2025-05-01 00:00:00"
    ]
