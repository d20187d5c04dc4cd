"""What somebody meets who trains for the first time: help that can be read, names that are found, faults in one sentence."""

from __future__ import annotations

import errno
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

import cli
from finetune import train_cli
from finetune.cli import data_app, eval_app, export_app, train_app
from finetune.config import CONFIGS, read_settings
from finetune.judge.asking import ask_all
from finetune.judge.setting import begin
from finetune.readers.folder import chapters_of
from finetune.recipes.faults import plain_faults
from finetune.recipes.settings import Recipe
from finetune.study_cli import study_app
from prompts.errors import InputError
from tests.finetune.judge_samples import write_data

RUN = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
FILES = sorted(CONFIGS.rglob("*.yaml"))


def pages() -> list[list[str]]:
    """The help page of every command of training."""
    found = []
    for name, app in {
        "train": train_app,
        "data": data_app,
        "eval": eval_app,
        "study": study_app,
        "export": export_app,
    }.items():
        command = get_command(app)
        found += [[name], *([name, inner] for inner in getattr(command, "commands", {}))]
    return found


@pytest.mark.parametrize("page", pages(), ids="-".join)
def test_every_help_page_fits_80_columns_and_says_what_the_command_is_for(page: list[str], tmp_path: Path) -> None:
    if page == ["export"]:
        (tmp_path / "run.json").write_text("{}")
        page = ["export", str(tmp_path)]
    long, short = (RUN.invoke(cli.app, [*page, option]) for option in ("--help", "-h"))
    assert long.exit_code == 0
    assert short.output == long.output
    lines = long.output.splitlines()
    assert max(map(len, lines)) <= 80
    about = [line.strip() for line in lines if line.strip()][1]
    assert about[0].isupper()
    assert "\u2026" not in long.output  # nothing is cut off


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_flags_of_every_launch_command_are_known(path: Path) -> None:
    words = shlex.split(path.read_text().splitlines()[0].removeprefix("#"))
    if words[0] in ("accelerate", "python"):
        words = ["fabula", *words[words.index("finetune") + 1 :]]
    assert words[:2] == ["fabula", "train"]
    method = get_command(train_app).commands[words[2]]  # type: ignore[attr-defined]
    known = {option for given in method.params for option in given.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert Path(words[words.index("--config") + 1]).name in {one.name for one in CONFIGS.glob("*.yaml")}


def test_a_recipe_is_found_by_its_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = yaml.safe_load((CONFIGS / "sft_lora.yaml").read_text())
    for said in ("sft_lora", "sft_lora.yaml", "finetune/configs/sft_lora.yaml"):
        assert read_settings(Path(said)) == shipped
    Path("sft_lora.yaml").write_text("method: mine\n")
    assert read_settings(Path("sft_lora.yaml")) == {"method": "mine"}
    for said in ("sft_lorra", "elsewhere/sft_lora.yaml"):
        with pytest.raises(InputError, match=r"There is no settings file .*; Fabula's own are .*sft_lora"):
            read_settings(Path(said))


def test_a_first_line_of_a_text_that_is_a_title_is_no_paragraph() -> None:
    told = "The lamp had burned for ninety years.\n\nInes climbed the stairs."
    title, chapters = chapters_of(f"The Lamp at Corrie Point\n\n{told}", markdown=False)
    assert title == "The Lamp at Corrie Point"
    assert chapters == chapters_of(told, markdown=False)[1]
    assert chapters_of(told, markdown=False)[0] == ""
    assert chapters_of("He laughed\n\nShe did not.", markdown=False)[0] == ""  # a verse, or a line cut short


def test_a_training_folder_that_is_not_there_is_no_story(tmp_path: Path) -> None:
    for form in ("merged", "embedded", "adapter"):
        result = RUN.invoke(cli.app, ["export", str(tmp_path / "none"), "--to", form])
        assert result.exit_code == 2
        assert "run.json is missing" in result.stderr


def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(run / "export"))

    monkeypatch.setattr(train_cli, "settings_of_finished", refuse)
    (tmp_path / "run.json").write_text("{}")
    result = RUN.invoke(export_app, [str(tmp_path)])
    assert (result.exit_code, result.stderr) == (2, f"Error: Permission denied: {tmp_path / 'export'}.\n")


def test_files_that_may_not_grow_are_no_full_disk(tmp_path: Path) -> None:
    errors = [OSError(errno.EFBIG, "File too large"), OSError("I/O error: File too large (os error 27)")]
    for error in errors:
        with (
            pytest.raises(InputError, match=r"may not grow .*ulimit -f.*; make room and start with --resume"),
            plain_faults(Recipe(data=tmp_path), tmp_path),
        ):
            raise error


def test_a_model_that_cannot_be_opened_is_not_kept_in_the_evaluation(tmp_path: Path) -> None:
    def closed(spec: str) -> None:
        raise InputError(f"The model {spec} can't be loaded.")

    data, out = write_data(tmp_path / "data"), tmp_path / "eval"
    with pytest.raises(InputError, match="can't be loaded"):
        ask_all(begin(out, data, {"rows": 3}, {"typo": "nope"}), opened=closed)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="There is no evaluation"):
        begin(out, None, {}, {})
    assert begin(out, data, {"rows": 2}, {"typo": "bundled"}).models == {"typo": "bundled"}


def test_a_study_takes_what_eval_wrote_by_its_folder(tmp_path: Path) -> None:
    for name in ("plain", "v1.5"):
        (tmp_path / name).mkdir()
        row = {"case": "1", "prompt": "A house.", "system": "", "texts": [f"Nobody lived in {name}."]}
        (tmp_path / name / "samples.jsonl").write_text(json.dumps(row) + "\n")
    line = ["new", str(tmp_path / "study"), "--a", str(tmp_path / "plain"), "--b", str(tmp_path / "v1.5")]
    assert "1 pairs of 2 systems" in RUN.invoke(study_app, line).output
    assert {"plain", "v1.5"} <= set(re.findall(r'"(plain|v1\.5)"', (tmp_path / "study" / "study.json").read_text()))
