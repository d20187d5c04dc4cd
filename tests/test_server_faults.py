"""A story over a network that fails: it is finished, or stopped with one clear sentence and finished later.

Every story here is compared with the same story written undisturbed: no paragraph is lost, doubled or different, and a call
whose answer came whole is in the journal and is never made again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from cli_runner import PREMISE, error_of, fabula, stories, texts_of
from fault_proxy import Fault, FaultProxy, fault_proxy
from scripted_server import prompt_of, scripted_server

from agents.engines import client
from agents.engines.scripted import digest
from planner.store import Library

PARAGRAPHS = 4
RETRIES = 2
CALLS = range(2, 2 + 3 + 2 * PARAGRAPHS)
"""Requests of an undisturbed story in which a model is asked; before them the server is got to know."""
# Asking again helps against these; the others are told to a person at once.
SLOW = {Fault.SILENT, Fault.STALLED}  # each takes a second
DOWN = {Fault.REFUSED, Fault.RESTARTED}
PASSING = [fault for fault in Fault if fault is not Fault.VANISHED]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy before a server that answers at once; waits are a fifth of what people have, and timeouts a second."""
    waits = client._wait
    monkeypatch.setattr(client, "_wait", lambda state: waits(state) / 5)
    monkeypatch.setenv("FABULA_SERVER_RETRIES", str(RETRIES))
    monkeypatch.setenv("FABULA_SERVER_TIMEOUT", "1")
    with scripted_server() as server, fault_proxy(server.server_port) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[str]]:
    """The paragraphs of the story with ``n`` candidates, written without faults."""
    known: dict[int, list[str]] = {}

    def texts(n: int) -> list[str]:
        if n not in known:
            library = tmp_path_factory.mktemp("undisturbed") / "library.db"
            with scripted_server() as server:
                result = fabula(*_begin(server.url, n), "--library", library)
            assert result.exit_code == 0, result.output
            with Library.open(library) as shelf:
                known[n] = [p.text for p in shelf.path(shelf.head(shelf.stories()[0].id))]
        return known[n]

    return texts


def _begin(url: str, n: int) -> tuple[str, ...]:
    story = ("--paragraphs", str(PARAGRAPHS), "--seed", "5", "--n", str(n), "--quiet")
    return ("write", PREMISE, "--engine", "server", "--server", url, *story)


def finish(proxy: FaultProxy, n: int, runs: int = 30) -> list[str]:
    """Write the story, and continue it after every stop until it is at its end; the sentences that the stops gave."""
    said: list[str] = []
    for _ in range(runs):
        proxy.up.wait(10)
        command = ("continue", stories()[0], "--quiet") if stories() else _begin(proxy.url, n)
        result = fabula(*command)
        if result.exit_code == 0:
            return said
        said.append(error_of(result))
    raise AssertionError(said)


def check(proxy: FaultProxy, expected: list[str], said: list[str]) -> None:
    """What must hold of a story however often it was disturbed."""
    (story,) = stories()
    assert texts_of(story) == expected
    assert proxy.again == []
    with Library.open() as library:
        journalled = [digest(out.prompt, out.seed) for _, out in library.outputs(story)]
        paragraphs = library.path(library.head(story))
        assert [len(library.children(p.id)) for p in paragraphs] == [1] * (PARAGRAPHS - 1) + [0]
        assert len(library.roots(story)) == 1
    assert journalled == [digest(prompt_of(asked), asked["seed"]) for asked in proxy.delivered]
    for sentence in said:
        assert proxy.url in sentence


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_does_not_stop_the_story(
    proxy: FaultProxy, undisturbed: Callable[[int], list[str]], fault: Fault
) -> None:
    rng = random.Random(str(fault))
    n = rng.choice((1, 2))
    struck = set(rng.sample(CALLS, 1 if fault in SLOW else 2))
    proxy.decide = lambda number: fault if number in struck else None
    said = finish(proxy, n)
    assert (said, proxy.faults) == ([], [fault] * len(struck))
    check(proxy, undisturbed(n), said)


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_that_stays_stops_the_story_with_one_sentence_and_it_goes_on_later(
    proxy: FaultProxy, undisturbed: Callable[[int], list[str]], fault: Fault
) -> None:
    rng = random.Random(f"stays {fault}")
    n = rng.choice((1, 2))
    first = rng.choice(CALLS)
    struck = range(first, first + (1 if fault in {Fault.VANISHED, *DOWN} else 1 + RETRIES))
    proxy.down_seconds = 1
    proxy.decide = lambda number: fault if number in struck else None
    said = finish(proxy, n)
    assert len(said) == 1, said
    check(proxy, undisturbed(n), said)


@pytest.mark.parametrize("seed", range(4))
def test_any_faults_at_any_points(proxy: FaultProxy, undisturbed: Callable[[int], list[str]], seed: int) -> None:
    rng = random.Random(seed)
    n = rng.choice((1, 2))
    faults = {rng.randrange(60): rng.choice(PASSING) for _ in range(rng.randint(5, 25))}
    for number in [number for number, fault in faults.items() if fault in SLOW][1:]:
        faults[number] = Fault.RESET
    faults[rng.randrange(20)] = Fault.VANISHED
    proxy.decide = faults.get
    check(proxy, undisturbed(n), finish(proxy, n))


def test_a_server_that_asks_for_patience_gets_it(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = client._wait
    monkeypatch.setattr(client, "_wait", lambda state: waits(state) * 5)  # as it is outside of these tests
    proxy.retry_after = "2"
    proxy.decide = {3: Fault.BUSY}.get
    assert finish(proxy, 2) == []
    assert proxy.times[4] - proxy.times[3] > 1.9
