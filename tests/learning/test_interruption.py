from __future__ import annotations

import signal
import threading

import pytest

from geovehicle.learning.interruption import interruptible


def test_the_first_ctrl_c_is_a_wish_and_the_second_is_none() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as wish:
        assert not wish.expressed
        signal.raise_signal(signal.SIGINT)
        assert wish.expressed
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_patience_takes_any_number_of_them() -> None:
    with interruptible(patient=True) as wish:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    assert wish.expressed


def test_another_thread_leaves_signals_alone() -> None:
    seen = []

    def work() -> None:
        with interruptible() as wish:
            seen.append(wish.expressed)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
