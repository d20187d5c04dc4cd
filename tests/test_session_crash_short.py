"""A plain session, killed a few times at random, holds every paragraph and edit that it had answered for."""

from __future__ import annotations

import pytest

from benchmarks import session_crash


@pytest.mark.timeout(600)
def test_a_few_kills_leave_no_fault() -> None:
    tally = session_crash.run(kills=4, seconds=12)
    assert tally.kills >= 1
    assert tally.commands >= 1
    assert tally.faults == (0, 0, 0)
