"""Hugging Face data sets: local folders of either form, the text column found or named, faults in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_samples import story_text

from finetune.readers import hub
from finetune.readers.base import Options
from finetune.readers.sources import source_of, works
from prompts.errors import InputError

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def read(place: Path | str, **options: Any) -> tuple[list[str], list[str]]:
    skipped: list[str] = []
    found = works(source_of(f"hub:{place}"), lambda _, line, why: skipped.append(f"{line}: {why}"), Options(**options))
    return [work.paragraphs[0] for work in found], skipped


def saved(folder: Path, **columns: list[Any]) -> Path:
    import datasets

    datasets.Dataset.from_dict(columns).save_to_disk(str(folder))
    return folder


FIRST = [story_text(n).split("\n")[0] for n in range(4)]


def test_a_saved_data_set_and_a_folder_of_json_are_read(tmp_path: Path) -> None:
    texts = [story_text(n) for n in range(4)]
    place = saved(tmp_path / "saved", label=[1, 2, 3, 4, 5], story=[*texts[:3], "", texts[3]])
    assert read(place) == (FIRST, ["4: no story"])
    (tmp_path / "plain").mkdir()
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "plain" / "train.jsonl").write_text(lines, encoding="utf-8")
    assert read(tmp_path / "plain") == (FIRST, [])


def test_a_column_without_a_usual_name_is_found_by_its_length_or_named(tmp_path: Path) -> None:
    texts = [story_text(n) for n in range(4)]
    place = saved(tmp_path / "saved", note=["short"] * 4, prose=texts)
    assert read(place)[0] == FIRST
    assert read(place, text_column="note")[0] == ["short"] * 4
    with pytest.raises(InputError, match="has no column 'tale'; it has note, prose"):
        read(place, text_column="tale")


def test_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    import datasets

    datasets.DatasetDict({"test": datasets.Dataset.from_dict({"text": ["x"]})}).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(InputError, match="has no split 'train'; it has test"):
        read(tmp_path / "both")
    with pytest.raises(InputError, match=r"no data set|cannot be reached|cannot be read"):
        read("nobody/nothing-of-this-name")
    with pytest.raises(InputError, match="has no column with text"):
        read(saved(tmp_path / "numbers", n=[1, 2]))


def test_it_is_streamed(tmp_path: Path) -> None:
    place = saved(tmp_path / "saved", text=[story_text(n) for n in range(4)])
    found = hub.read(str(place), lambda *named: None, Options())
    assert next(found).group == f"{place}:1"
