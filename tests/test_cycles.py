from __future__ import annotations

import gc

import pytest

from geovehicle.cycles import making_geometries
from geovehicle.errors import InputError


@pytest.mark.parametrize("before", [True, False])
def test_cycles_are_searched_afterwards_as_before(before: bool) -> None:
    during = []

    @making_geometries()
    def read() -> None:
        during.append(gc.isenabled())
        raise InputError("unreadable")

    was = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        with pytest.raises(InputError):
            read()
        assert during == [False]
        assert gc.isenabled() is before
    finally:
        (gc.enable if was else gc.disable)()
