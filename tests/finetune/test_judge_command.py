"""``fabula eval``: what is asked is kept, a stop loses nothing, the table needs no model, and bad input is one sentence."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from judge_samples import Hashed, write_data
from scripted_server import scripted_server
from typer.testing import CliRunner

import cli
from agents.engines.base import Sampling
from finetune.judge import asking, metrics
from finetune.judge.asking import LIKELIHOOD, RANKING, SAMPLES, ask_all
from finetune.judge.cases import Case, draw_cases
from finetune.judge.kept import Kept
from finetune.judge.metrics import measure
from finetune.judge.setting import Evaluation, begin, named_models
from finetune.judge.speaker import open_named
from finetune.judge.table import _blocks, as_json, as_markdown, table_rows
from prompts.errors import EngineError, InputError

RUN = CliRunner()
SMALL = {"rows": 6, "samples": 3, "ranked": 2, "rivals": 3, "max_tokens": 20}


class Teller:
    """Writes by prompt, number and seed, and dies at the call that ``dies`` says."""

    calls = 0
    dies = -1
    opened = 0

    def __init__(self, spec: str) -> None:
        self.spec, self.scores = spec, spec != "mute"
        type(self).opened += 1

    def write(self, case: Case, n: int, sampling: Sampling, seed: int) -> list[str]:
        self._count()
        return [f"{case.prompt} {self.spec} tells {k} and {(seed + k) % 3} tales." for k in range(n)]

    def losses(self, case: Case, text: str) -> list[float]:
        self._count()
        return [1.0 if case.references[0] == text else 2.0] * len(text.split())

    def _count(self) -> None:
        type(self).calls += 1
        if type(self).calls == type(self).dies:
            raise EngineError("The model is gone.")

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    Teller.calls, Teller.dies, Teller.opened = 0, -1, 0
    # What needs the extra's packages is tested in test_judge_models.py.
    kept = [metric for metric in metrics.METRICS if not metric.key.startswith(("rouge", "bleu", "self_bleu"))]
    monkeypatch.setattr(metrics, "METRICS", tuple(kept))


def begun(tmp_path: Path, *models: str, kind: Any = "sft", **more: Any) -> Evaluation:
    data = tmp_path / "data"
    if not data.exists():
        write_data(data, kind)
    return begin(tmp_path / "out", data, {**SMALL, **more}, named_models(list(models)))


def files(evaluation: Evaluation) -> dict[str, bytes]:
    return {str(p.relative_to(evaluation.out)): p.read_bytes() for p in sorted(evaluation.out.rglob("*.jsonl"))}


def test_an_evaluation_that_dies_at_any_call_goes_on_and_makes_the_same(tmp_path: Path) -> None:
    whole = begun(tmp_path, "one", "two")
    ask_all(whole, opened=Teller)
    calls, expected = Teller.calls, files(whole)
    assert calls == 2 * (6 + 6 + 2 * 4)
    for dies in range(1, calls, 7):
        folder = tmp_path / f"again{dies}"
        broken = begin(folder, tmp_path / "data", SMALL, named_models(["one", "two"]))
        Teller.calls, Teller.dies = 0, dies
        with pytest.raises(EngineError):
            ask_all(broken, opened=Teller)
        made = sorted(folder.glob("*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        assert bool(made) == (dies > 1)
        for last in made[-1:]:
            with last.open("ab") as file:
                file.write(b'{"case": "0000')  # the line that a killed process was writing
        Teller.dies = -1
        again = begin(folder, None, {}, {})
        ask_all(again, opened=Teller)
        assert files(again) == expected


def test_the_table_is_made_again_without_a_model_and_a_model_can_be_added(tmp_path: Path) -> None:
    ask_all(begun(tmp_path, "one"), opened=Teller)
    assert Teller.opened == 1
    again = begin(tmp_path / "out", None, {}, {})
    ask_all(again, opened=Teller)
    assert Teller.opened == 1
    more = begin(tmp_path / "out", None, {}, named_models(["new=two"]))
    ask_all(more, opened=Teller)
    assert Teller.opened == 2
    result = measure(more, {"semantic": Hashed(), "style": Hashed()}, people=True, times=100)
    assert list(result.table) == ["one", "new", "people"]
    one = result.table["one"]
    assert one["perplexity_token"].value == pytest.approx(2.718, abs=0.001)
    assert one["prompt_ranking"].value == 1
    assert "perplexity_token" not in result.table["people"]
    assert one["vendi"].value > 1
    assert one["length"].low is not None
    assert "Chance in prompt ranking is 1 in 4." in result.notes


def test_all_forms_of_the_table_say_the_same(tmp_path: Path) -> None:
    evaluation = begun(tmp_path, "one", "two")
    ask_all(evaluation, opened=Teller)
    result = measure(evaluation, {"style": Hashed()}, times=100)
    head, *rows = table_rows(result)
    assert head == ["metric", "one", "two"]
    assert all(len(row) == 3 for row in rows)
    markdown, made = as_markdown(evaluation, result), as_json(evaluation, result)
    for row in rows:
        assert "| " + " | ".join(row) + " |" in markdown
    assert made["metrics"]["one"]["length"]["value"] == result.table["one"]["length"].value
    assert json.loads(json.dumps(made, allow_nan=False)) == json.loads(json.dumps(made))


def test_columns_that_do_not_fit_come_below() -> None:
    assert _blocks([20, 30, 30, 30], 79) == [[1], [2], [3]]
    assert _blocks([20, 30, 29, 90], 80) == [[1, 2], [3]]


def test_a_model_that_cannot_score_has_no_perplexity_and_is_not_asked_again(tmp_path: Path) -> None:
    evaluation = begun(tmp_path, "mute")
    ask_all(evaluation, opened=Teller)
    ask_all(evaluation, opened=Teller)
    assert Teller.opened == 1
    result = measure(evaluation, {}, times=100)
    assert "perplexity_token" not in result.table["mute"]
    assert any("mute cannot say" in note for note in result.notes)


def test_a_text_too_long_for_one_model_is_left_out_for_all(tmp_path: Path) -> None:
    evaluation = begun(tmp_path, "one", "two")
    ask_all(evaluation, opened=Teller)
    path = evaluation.path("two", LIKELIHOOD)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0] |= {"tokens": 0, "nats": 0.0}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = measure(evaluation, {}, times=100)
    assert [result.table[name]["perplexity_token"].prompts for name in ("one", "two")] == [5, 5]
    assert any(note.startswith("1 texts were too long") for note in result.notes)


@pytest.mark.parametrize(("kind", "says"), [("sft", 1), ("responses", 3), ("preference", 1)])
def test_every_kind_of_data_gives_prompts_with_what_people_wrote(tmp_path: Path, kind: Any, says: int) -> None:
    cases = draw_cases(write_data(tmp_path / "d", kind), 5, seed=1)
    assert len(cases) == 5
    assert {len(case.references) for case in cases} == {says}
    assert [case.id for case in cases] == sorted(case.id for case in cases)
    assert cases == draw_cases(tmp_path / "d", 5, seed=1) != draw_cases(tmp_path / "d", 5, seed=2)
    if kind == "responses":
        assert cases[0].references[0].endswith(" 2.")  # the best one first


def test_the_judge_compares_with_people_or_a_model_once(tmp_path: Path) -> None:
    evaluation = begun(tmp_path, "one", "two", judge="scripted", against="one")
    ask_all(evaluation, opened=Teller)
    assert len(Kept(evaluation.path("two", asking.WINS)).rows) == 6
    assert not evaluation.path("one", asking.WINS).exists()
    table = measure(evaluation, {}, times=100).table
    assert table["two"]["win_rate"].value == 0.5
    assert "win_rate" not in table["one"]


def test_the_whole_command_writes_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    write_data(tmp_path / "data")
    monkeypatch.setattr("finetune.embeddings.load_embedder", lambda name, cache: Hashed())
    monkeypatch.setattr("finetune.eval_cli._ready", lambda mauve: None)
    line = [
        "eval",
        "data",
        "--model",
        "a=scripted",
        "--model",
        "b=scripted",
        "--rows",
        "4",
        "--samples",
        "2",
        "--out",
        "o",
    ]
    result = RUN.invoke(cli.app, line, env={"NO_COLOR": "1", "COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert "perplexity, token" in result.stdout
    assert "\x1b" not in result.stdout
    assert {path.name for path in Path("o").iterdir()} >= {"report.md", "report.json", "metrics.png", "a", "b"}
    assert RUN.invoke(cli.app, ["eval", "--out", "o"]).exit_code == 0
    study = RUN.invoke(cli.app, ["study", "new", "s", "--a", "o/a/samples.jsonl", "--b", "o/b/samples.jsonl"])
    assert study.exit_code == 0, study.output


@pytest.mark.parametrize(("missing", "says"), [("sacrebleu", "fabula[finetune]"), ("mauve", "fabula[mauve]")])
def test_what_is_not_installed_is_said_before_a_model_is_asked(
    missing: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data")
    there = importlib.util.find_spec("json")
    monkeypatch.setattr("finetune.eval_cli.find_spec", lambda name: None if name == missing else there)
    result = RUN.invoke(cli.app, ["eval", "data", "--model", "scripted", "--mauve", "--out", "o"])
    assert result.exit_code == 2
    assert says in result.stderr
    assert not Path("o/scripted").exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["none", "--model", "scripted", "--out", "n"], "none is no data set"),
        (["--out", "n"], "There is no evaluation in n to go on with"),
        (["data", "--out", "n"], "There is no evaluation in n to go on with"),
        (["data", "--model", "scripted", "--rows", "7"], "was begun with rows 6, not 7"),
        (["data", "--model", "scripted", "--temperature", "0.5"], "was begun with temperature 1.0, not 0.5"),
        (["other", "--model", "scripted"], "was begun on other data"),
        (["--model", "one=bundled"], "In out, one is scripted"),
        (["data", "--model", "scripted", "--model", "x/scripted", "--out", "n"], "Two models are called scripted"),
        (["data", "--model", "people=scripted", "--out", "n"], "can't be called 'people'"),
        (["data", "--model", "scripted", "--task", "title", "--out", "n"], "no held-out rows of the task 'title'"),
        (
            ["data", "--model", "scripted", "--temperature", "0", "--out", "n"],
            "At temperature 0 all samples are the same",
        ),
        (["data", "--model", "scripted", "--top-p", "2", "--out", "n"], "top_p: "),
        (["data", "--model", "scripted", "--against", "x", "--out", "n"], "--against x is none of the models"),
        (["data", "--model", "server:", "--out", "n"], "names no address"),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_bad_input_is_one_clear_sentence(line: list[str], says: str, tmp_path: Path) -> None:
    begin(Path("out"), write_data(tmp_path / "data"), SMALL, named_models(["one=scripted"]))
    write_data(tmp_path / "other", count=30)
    result = RUN.invoke(cli.app, ["eval", *line, *([] if "--out" in line else ["--out", "out"])])
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    evaluation = begun(tmp_path, "one")
    ask_all(evaluation, opened=Teller)
    path = evaluation.path("one", SAMPLES)
    path.write_text("{}\n" + path.read_text())
    with pytest.raises(InputError, match=r"Line 1 of .*samples.jsonl is broken"):
        ask_all(evaluation, opened=Teller)
    (evaluation.out / "evaluation.json").write_text("{")
    with pytest.raises(InputError, match=r"evaluation.json can't be read"):
        begin(evaluation.out, None, {}, {})


def test_a_model_is_named_after_its_folder_or_its_served_name() -> None:
    specs = ["runs/sft", "org/Some-Model", "server:http://h:1/v1#big/model", "x=server:http://h:1/v1?a=b"]
    assert list(named_models(specs)) == ["sft", "Some-Model", "model", "x"]
    with pytest.raises(InputError, match="nope is no engine"):
        open_named("nope")


def test_work_is_tracked(tmp_path: Path) -> None:
    told: list[str] = []

    def track(items: list[Any], words: str) -> Iterable[Any]:
        told.append(f"{words} {len(items)}")
        return items

    ask_all(begun(tmp_path, "one"), track, Teller)
    assert told == ["one writes 6", "one reads 6", "one ranks prompts 2"]
    assert len(Kept(tmp_path / "out" / "one" / RANKING).rows) == 2


def test_a_served_model_is_judged_without_perplexity_and_may_be_the_judge(tmp_path: Path) -> None:
    with scripted_server() as server:
        where = f"server:{server.url}#scripted-1"
        evaluation = begun(tmp_path, f"far={where}", judge=where)
        ask_all(evaluation)
        asked = server.asked
        ask_all(evaluation)
        assert server.asked == asked > 0
    result = measure(evaluation, {}, times=100)
    assert "perplexity_token" not in result.table["far"]
    assert result.table["far"]["distinct1"].prompts == 6
    assert result.table["far"]["win_rate"].prompts == 6
