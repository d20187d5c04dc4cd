"""``fabula write``, killed a few times at random, loses nothing, doubles nothing and pays for nothing twice."""

from __future__ import annotations

import pytest

from benchmarks import crash


@pytest.mark.timeout(600)
def test_four_kills_leave_no_fault() -> None:
    tally = crash.run(kills=4)
    assert tally.kills == 4
    faults = (tally.lost, tally.doubled, tally.different, tally.repeated_calls)
    assert faults == (0, 0, 0, 0)
