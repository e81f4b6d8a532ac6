"""The columns of a layer as a web page holds them: compact, and read by a browser at once."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


def packed(values: NDArray[Any]) -> dict[str, str]:
    """Return an array for JSON: its type, and its bytes in base64, the lowest byte first."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {"type": values.dtype.name, "data": base64.b64encode(little.tobytes()).decode("ascii")}


def packed_column(column: pd.Series) -> dict[str, Any]:
    """Return a field for JSON.

    Numbers are packed as float64, which tells whole numbers up to 2⁵³ and compares as Python
    does.  Anything else is ``codes`` into ``names``, -1 where there is no value.
    """
    if is_numeric(column):
        return packed(numbers_of(column))
    codes, names = pd.factorize(column.astype(object))
    return {"codes": packed(codes.astype(np.int32)), "names": [str(name) for name in names]}


def is_numeric(column: pd.Series) -> bool:
    """Tell whether a field holds numbers."""
    kinds = pd.api.types
    return bool(kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column))


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """Return a field of numbers, nan where there is no value."""
    return column.to_numpy(np.float64, na_value=np.nan)
