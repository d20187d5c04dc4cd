"""Checkpoints keep the story state exactly, and a tampered library runs nothing."""

from __future__ import annotations

import pickle
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, Overwrite, Send, interrupt
from pydantic import BaseModel
from story_samples import ANNA, BEATS, DECISION, DRAFT, FACT, FINDING, OUTLINE, POSITION, PREMISE, SUMMARY, new_story

from planner import state
from planner.checkpoints import EXTENSION, StateSerializer, open_saver
from planner.state import Draft, Relation, StoryState, Summary
from planner.store import Library
from prompts.errors import LibraryError

FULL_STATE: StoryState = {
    "story": "abcdefgh",
    "premise": "p1",
    "outline": None,
    "head": "h1",
    "arc": POSITION,
    "summary": SUMMARY,
    "on_stage": (ANNA,),
    "draft": DRAFT,
    "best": None,
    "attempt": 2,
    "done": False,
}
CONFIG: Any = {"configurable": {"thread_id": "abcdefgh"}}


class Stranger(BaseModel):
    """A model that is no story state."""

    name: str = "x"


@pytest.fixture
def saver(library: Library) -> Iterator[BaseCheckpointSaver[str]]:
    with open_saver(library) as opened:
        yield opened


def graph(saver: BaseCheckpointSaver[str], update: dict[str, Any] | None = None) -> Any:
    builder = StateGraph(StoryState)
    builder.add_node("step", lambda state: update or {"attempt": state["attempt"] + 1})
    builder.add_edge(START, "step")
    builder.add_edge("step", END)
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize(
    "value", [ANNA, *BEATS, DECISION, DRAFT, FACT, FINDING, OUTLINE, POSITION, PREMISE, SUMMARY, *Relation], ids=repr
)
def test_every_value_of_the_state_comes_back_equal_and_of_its_class(value: object) -> None:
    serializer = StateSerializer()
    back = serializer.loads_typed(serializer.dumps_typed({"value": value, "many": (value,)}))
    assert back["value"] == value
    assert type(back["value"]) is type(value)
    assert back["many"] == (value,)


def test_no_model_of_the_state_is_left_out() -> None:
    tried = {
        type(value).__name__
        for value in (ANNA, *BEATS, DECISION, DRAFT, FACT, FINDING, OUTLINE, POSITION, PREMISE, SUMMARY)
    }
    models = {
        name for name, kind in vars(state).items() if isinstance(kind, type) and issubclass(kind, state.Model)
    } - {"Model"}
    assert tried == models


@pytest.mark.parametrize(
    "value",
    [Interrupt(OUTLINE, id="i"), Send("x", FULL_STATE), Overwrite(1), Command(goto="x"), {1, 2}, frozenset("a")],
    ids=lambda value: type(value).__name__,
)
def test_what_langgraph_itself_keeps_comes_back(value: object) -> None:
    serializer = StateSerializer()
    assert serializer.loads_typed(serializer.dumps_typed(value)) == value


def test_a_thread_is_read_by_another_process_as_it_was_left(where: str | Path) -> None:
    with Library.open(where) as library, open_saver(library) as saver:
        graph(saver).invoke(FULL_STATE, CONFIG, durability="sync")
    with Library.open(where) as library, open_saver(library) as saver:
        values = graph(saver).get_state(CONFIG).values
    assert values == {**FULL_STATE, "attempt": 3}
    assert type(values["draft"].facts[0].relation) is Relation


def test_a_human_gate_can_be_answered_after_a_restart(where: str | Path) -> None:
    def ask(state: StoryState) -> dict[str, Any]:
        return {"summary": interrupt(OUTLINE)}

    def gated(saver: BaseCheckpointSaver[str]) -> Any:
        builder = StateGraph(StoryState)
        builder.add_node("ask", ask)
        builder.add_edge(START, "ask")
        return builder.compile(checkpointer=saver)

    with Library.open(where) as library, open_saver(library) as saver:
        gated(saver).invoke(FULL_STATE, CONFIG)
    with Library.open(where) as library, open_saver(library) as saver:
        (question,) = gated(saver).get_state(CONFIG).interrupts
        assert question.value == OUTLINE
        assert gated(saver).invoke(Command(resume=Summary(sentences=("Yes.",))), CONFIG)["summary"].text == "Yes."


def test_a_class_that_is_no_story_state_is_refused_before_it_is_saved(saver: BaseCheckpointSaver[str]) -> None:
    with pytest.raises(LibraryError, match="Stranger, which no checkpoint may hold"):
        graph(saver, {"draft": Stranger()}).invoke(FULL_STATE, CONFIG, durability="sync")
    assert graph(saver).get_state(CONFIG).values["draft"] == DRAFT  # the thread can still go on


def test_a_value_that_does_not_validate_is_refused_before_it_is_saved(saver: BaseCheckpointSaver[str]) -> None:
    bad = Draft.model_construct(text=7, score=0.0, facts=(), findings=(), attempt=-1)
    with pytest.raises(LibraryError, match="Draft that is not valid"):
        graph(saver, {"draft": bad}).invoke(FULL_STATE, CONFIG, durability="sync")
    assert graph(saver).get_state(CONFIG).values["draft"] == DRAFT


def test_compiling_a_graph_does_not_widen_the_list(library: Library) -> None:
    with open_saver(library) as saver:
        assert saver.with_allowlist({(__name__, "Stranger")}) is saver


def ext(code: int, *parts: object) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, ormsgpack.packb(parts, option=ormsgpack.OPT_NON_STR_KEYS))


class Bomb:
    """Unpickling it touches a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def attacks(witness: Path) -> dict[str, tuple[str, bytes]]:
    """Payloads that make a trusting reader create the file ``witness``, or import something, by name."""
    shell = f"touch {witness}"
    constructed = {
        "a call with one argument": ext(jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, "os", "system", shell),
        "a call with many": ext(jsonplus.EXT_CONSTRUCTOR_POS_ARGS, "os", "system", [shell]),
        "a call with names": ext(
            jsonplus.EXT_CONSTRUCTOR_KW_ARGS, "subprocess", "run", {"args": ["touch", str(witness)]}
        ),
        "a method": ext(jsonplus.EXT_METHOD_SINGLE_ARG, "pathlib", "Path", str(witness), "touch"),
        "a method of a safe class": ext(jsonplus.EXT_METHOD_SINGLE_ARG, "builtins", "set", str(witness), "__init__"),
        "an old model": ext(jsonplus.EXT_PYDANTIC_V1, "subprocess", "Popen", {"args": ["touch", str(witness)]}),
        "a model": ext(jsonplus.EXT_PYDANTIC_V2, "subprocess", "Popen", {"args": ["touch", str(witness)]}, "x"),
        "an import": ext(jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, "antigravity", "geohash", 1),
        "a stranger": ext(jsonplus.EXT_PYDANTIC_V2, __name__, "Stranger", {"name": "x"}, "x"),
        "an array": ext(jsonplus.EXT_NUMPY_ARRAY, "O", [1], "C", b"12345678"),
        "an unknown kind": ext(77, "os", "system", shell),
        "our form around a function": ext(EXTENSION, "os.system", shell),
        "our form around a stranger": ext(EXTENSION, f"{__name__}.Stranger", {"name": "x"}),
        "our form around a module's import": ext(EXTENSION, "planner.state.BaseModel", {}),
        "our form around a bad model": ext(EXTENSION, "planner.state.Draft", {"text": {"a": 1}}),
        "our form with a list as a name": ext(EXTENSION, ["os", "system"], shell),
        "our form cut short": ext(EXTENSION, "builtins.set"),
        "our form around theirs": ext(
            EXTENSION, "planner.state.Draft", {"text": ext(jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, "os", "system", shell)}
        ),
        "a call inside a model": ext(
            jsonplus.EXT_PYDANTIC_V2,
            "planner.state",
            "Draft",
            {"text": ext(jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, "os", "system", shell)},
            "x",
        ),
    }
    payloads = {name: ("msgpack", ormsgpack.packb({"channel_values": value})) for name, value in constructed.items()}
    lc = b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["touch %b"]}' % str(witness).encode()
    payloads["a pickle"] = ("pickle", pickle.dumps(Bomb(witness)))
    payloads["json that constructs"] = ("json", lc)
    payloads["no kind"] = ("", b"")
    payloads["noise"] = ("msgpack", b"\xc1\xff\x00")
    payloads["a cut value"] = ("msgpack", payloads["a model"][1][:-4])
    payloads["a thousand layers"] = ("msgpack", _layers())
    return payloads


def _layers() -> bytes:
    inner = ormsgpack.packb(None)
    for _ in range(3_000):
        inner = ormsgpack.packb(ormsgpack.Ext(EXTENSION, inner))
    return inner


@pytest.mark.parametrize("attack", attacks(Path("x")))
def test_a_tampered_checkpoint_runs_nothing_and_is_a_clear_error(
    file_library: Library, tmp_path: Path, attack: str
) -> None:
    witness = tmp_path / "witness"
    kind, payload = attacks(witness)[attack]
    with open_saver(file_library) as saver:
        graph(saver).invoke(FULL_STATE, CONFIG)
    _tamper(file_library, "UPDATE checkpoints SET type = ?, checkpoint = ?", kind, payload)
    with open_saver(file_library) as saver, pytest.raises(LibraryError, match="A checkpoint of this library"):
        graph(saver).get_state(CONFIG)
    assert not witness.exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("attack", ["a call with one argument", "a pickle", "json that constructs"])
def test_a_tampered_write_runs_nothing_and_is_a_clear_error(file_library: Library, tmp_path: Path, attack: str) -> None:
    witness = tmp_path / "witness"
    with open_saver(file_library) as saver:
        graph(saver).invoke(FULL_STATE, CONFIG, durability="sync")
    _tamper(file_library, "UPDATE writes SET type = ?, value = ?", *attacks(witness)[attack])
    with open_saver(file_library) as saver, pytest.raises(LibraryError, match="A checkpoint of this library"):
        list(graph(saver).get_state_history(CONFIG))
    assert not witness.exists()


def test_the_attacks_would_work_on_a_trusting_reader(tmp_path: Path) -> None:
    """Otherwise the tests above would show nothing."""
    serializer = jsonplus.JsonPlusSerializer(pickle_fallback=True, allowed_msgpack_modules=True)
    for attack in ("a call with one argument", "a call with many", "a call with names", "a pickle"):
        witness = tmp_path / attack.replace(" ", "-")
        serializer.loads_typed(attacks(witness)[attack])
        assert witness.exists()


def _tamper(library: Library, statement: str, kind: str, payload: bytes) -> None:
    connection = sqlite3.connect(str(library.file))
    with connection:
        assert connection.execute(statement, (kind, payload)).rowcount
    connection.close()


def test_the_state_can_be_read_while_the_history_is_listed(saver: BaseCheckpointSaver[str]) -> None:
    app = graph(saver)
    app.invoke(FULL_STATE, CONFIG, durability="sync")
    seen = [app.get_state(step.config).values.get("attempt") for step in app.get_state_history(CONFIG)]
    assert seen == [3, 2, None]


def test_threads_share_a_saver_and_a_library(library: Library, saver: BaseCheckpointSaver[str]) -> None:
    app, failures = graph(saver), []

    def run(number: int) -> None:
        try:
            for _ in range(5):
                new_story(library)
                app.invoke(FULL_STATE, {"configurable": {"thread_id": str(number)}}, durability="sync")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(library.stories()) == 40
