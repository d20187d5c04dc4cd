"""``fabula data rows`` and ``show``: faults named, one sentence for what cannot be built, nothing left of a stopped build."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from corpus_samples import story_text
from scripted_server import scripted_server
from typer.testing import CliRunner

from finetune.build import make
from finetune.cli import app
from finetune.data.folder import load_index, read_rows

RUN = CliRunner()


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    path = tmp_path / "tales.jsonl"
    path.write_text("".join(json.dumps({"text": story_text(n)}) + "\n" for n in range(3)))
    return path


def test_a_data_set_is_built_and_shown(stories: Path, tmp_path: Path) -> None:
    line = ["data", "rows", "--from", f"corpora:{stories}", "--out", str(tmp_path / "data"), "--held", "0"]
    result = RUN.invoke(app, line)
    assert result.exit_code == 0, result.output
    assert "tasks: generator" in result.output
    shown = RUN.invoke(app, ["data", "show", str(tmp_path / "data"), "--samples", "1"])
    assert "== generator" in shown.output
    assert "You are a novelist" in shown.output
    told = RUN.invoke(app, ["data", "show", str(tmp_path / "data"), "--json"])
    assert json.loads(told.output) == load_index(tmp_path / "data")
    next((tmp_path / "data" / "train").iterdir()).write_text("")
    damaged = RUN.invoke(app, ["data", "show", str(tmp_path / "data"), "--verify"])
    assert damaged.exit_code == 2
    assert "not those that its report was written for" in damaged.stderr


def test_summaries_come_from_a_server_where_one_is_named(stories: Path, tmp_path: Path) -> None:
    with scripted_server() as server:
        line = ["data", "rows", "--from", f"corpora:{stories}", "--out", str(tmp_path / "data"), "--held", "0"]
        result = RUN.invoke(app, [*line, "--summaries", "server", "--server", f"{server.url}"])
        gone = server.url
    assert result.exit_code == 0, result.output
    assert load_index(tmp_path / "data")["summaries"] == "served"
    assert any(row["task"] == "summarizer" for row in read_rows(tmp_path / "data", "train"))
    result = RUN.invoke(app, [*line, "--replace", "--summaries", "server", "--server", gone])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert load_index(tmp_path / "data")["summaries"] == "served"  # what was there stays


def test_scored_posts_become_a_data_set_of_responses(tmp_path: Path) -> None:
    posts = [
        {"prompt": f"P{n}", "responses": [{"text": f"Response {n}", "score": n}, {"text": f"Other {n}", "score": 1}]}
        for n in range(9)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(p) + "\n" for p in posts))
    result = RUN.invoke(
        app, ["data", "rows", "--from", f"posts:{tmp_path / 'p.jsonl'}", "--out", str(tmp_path / "data"), "--held", "0"]
    )
    assert result.exit_code == 0, result.output
    rows = list(read_rows(tmp_path / "data", "train"))
    assert load_index(tmp_path / "data")["kind"] == "responses"
    assert rows[3]["responses"] == [
        {"text": "Response 3", "score": 3.0, "author": "person"}, {"text": "Other 3", "score": 1.0, "author": "person"}
    ]  # fmt: skip


def test_one_bad_line_in_ten_thousand_is_named_and_nothing_else_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    with path.open("w") as file:
        for n in range(10_000):
            good = json.dumps({"prompt": f"Prompt {n}", "responses": [{"text": f"Response {n}", "score": n % 7}]})
            file.write(("{broken" if n == 4321 else good) + "\n")
    options = ["data", "rows", "--from", f"posts:{path}", "--out", str(tmp_path / "data")]
    result = RUN.invoke(app, options)
    assert result.exit_code == 0, result.output
    index = load_index(tmp_path / "data")
    assert sum(index["counts"].values()) == 9999
    assert index["broken"]["count"] == 1
    assert (index["broken"]["first"][0]["file"], index["broken"]["first"][0]["line"]) == ("posts.jsonl", 4322)
    shown = RUN.invoke(app, ["data", "show", str(tmp_path / "data"), "--verify"])
    assert "posts.jsonl, line 4322: not JSON" in shown.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "corpora:{}", "--tasks", "generatr"], "'generatr' is no task of style chat; choose from generator"),
        (["--from", "corpora:{}", "--tasks", "story", "--style", "slots"], "is no task of style slots"),
        (["--from", "corpora:{}", "--tasks", "responses"], "has no scored responses"),
        (["--from", "corpora:{}", "--tasks", "responses,generator"], "build them apart"),
        (["--from", "corpora:{}", "--summaries", "server"], "Give the address"),
        (["--from", "corpus:{}"], "did you mean corpora?"),
        (["--from", "folder:{}.d"], "There is no file or folder"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(options: list[str], sentence: str, stories: Path, tmp_path: Path) -> None:
    line = ["data", "rows", *(part.format(stories) for part in options), "--out", str(tmp_path / "data")]
    result = RUN.invoke(app, line)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_an_empty_corpus_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    result = RUN.invoke(
        app, ["data", "rows", "--from", f"corpora:{tmp_path / 'empty.jsonl'}", "--out", str(tmp_path / "data")]
    )
    assert result.exit_code == 2
    assert result.stderr == "Error: The sources give no training row: they are empty.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["empty.jsonl"]


def test_a_build_that_is_stopped_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "endless.txt"
    os.mkfifo(pipe)
    line = [
        sys.executable,
        "-m",
        "finetune",
        "data",
        "rows",
        "--from",
        f"lines:{pipe}",
        "--out",
        str(tmp_path / "data"),
    ]
    with (
        subprocess.Popen(
            line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(make.__file__).parents[2]
        ) as process,
        pipe.open("w") as writer,
    ):  # opens as soon as the build reads
        writer.write(" ".join(story_text(1).split()) + "\n")
        writer.flush()
        assert (tmp_path / "data.part").exists()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == f"Stopped; {tmp_path / 'data'} was not built. The same command builds it anew.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["endless.txt"]
