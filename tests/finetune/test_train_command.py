"""``fabula train`` and ``fabula data`` hand on what they get, load nothing early, and say what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from finetune.cli import app
from prompts.errors import InputError

RUN = CliRunner()


def test_the_commands_take_the_options_of_the_training_code(tmp_path: Path) -> None:
    shown = RUN.invoke(cli.app, ["train", "--help"])
    assert shown.exit_code == 0
    assert "pretrain" in shown.output
    assert "tokenizer" in shown.output
    result = RUN.invoke(cli.app, ["data", "build", "worlds", "--tokenizer", str(tmp_path)])
    assert result.exit_code == 2
    assert "There is no tokenizer at" in result.stderr


def test_a_wrong_recipe_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("learning_rat: 1\n")
    result = RUN.invoke(app, ["train", "pretrain", "--config", str(path)])
    assert result.exit_code == 2
    assert "did you mean learning_rate?" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("line", [["train", "pretrain", "--config", "{}"], ["model", "--worlds-only"]])
def test_without_the_extra_one_sentence_says_what_to_install(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest))
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "finetune.pretrain", raising=False)
    path = tmp_path / "mine.yaml"
    path.write_text("data: [{folder: x}]\n")
    result = RUN.invoke(app, [part.format(path) for part in line])
    assert result.exit_code == 2
    assert result.stderr == "Error: This needs the finetune extra: pip install 'fabula[finetune]'.\n"


def test_starting_the_program_loads_no_training_code() -> None:
    code = (
        "import sys, cli; print([m for m in sys.modules if m.split('.')[0] in {'finetune', 'torch', 'transformers'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_variety_is_measured_into_a_file(two_worlds: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "worlds.json"
    options = ["measure", "worlds", "--stories", "20", "--worlds", str(two_worlds), "--out", str(out)]
    assert RUN.invoke(app, options).exit_code == 0
    assert '"stories": 20' in out.read_text()


def test_verify_names_what_is_no_model(tmp_path: Path) -> None:
    from finetune.card import verify, write_card

    with pytest.raises(InputError, match="not a packed model with a card"):
        verify(tmp_path)
    with pytest.raises(InputError, match="not the folder of a training run"):
        write_card([tmp_path], tmp_path)
