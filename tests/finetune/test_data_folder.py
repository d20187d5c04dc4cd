"""A data set folder is whole or not there: shards, splits, copies, faults, full disks and interrupted builds."""

from __future__ import annotations

import errno
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data import folder as folders
from finetune.data.folder import DataFolder, content_hash, is_held, load_index, read_rows
from finetune.data.kinds import fault_of
from finetune.data.report import spread
from finetune.data.seen import Seen, digest, likeness, normal, signature
from prompts.errors import InputError


def row(number: int, group: str = "", **more: Any) -> dict[str, Any]:
    return {
        "prompt": f"What is {number}?", "completion": f"It is the number {number}.", "task": "generator",
        "group": group or f"book {number % 50}", "source": "made up", "licence": "CC0", **more,
    }  # fmt: skip


def built(out: Path, rows: Iterator[dict[str, Any]] | list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    with DataFolder(out, "sft", **{"held": 0.2, **more}) as folder:
        for one in rows:
            folder.add(one)
        return folder.finish(style="chat")


def test_rows_come_back_split_by_group_and_the_report_tells_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SHARD_ROWS", 100)
    index = built(tmp_path / "data", [row(n) for n in range(1000)])
    train, held = (list(read_rows(tmp_path / "data", split)) for split in ("train", "held"))
    assert len(train) + len(held) == 1000
    assert held
    assert not {r["group"] for r in train} & {r["group"] for r in held}
    assert sorted([*train, *held], key=lambda r: r["completion"]) == sorted(
        map(row, range(1000)), key=lambda r: r["completion"]
    )
    assert len(list((tmp_path / "data" / "train").iterdir())) == -(-len(train) // 100)
    assert index == load_index(tmp_path / "data")
    assert index["counts"] == {"train": len(train), "held": len(held)}
    assert index["groups"] == {"train": len({r["group"] for r in train}), "held": len({r["group"] for r in held})}
    assert index["sources"] == {"made up": 1000}
    assert index["lengths"]["generator completion"] == {"min": 5, "mean": 5.0, "median": 5, "p95": 5, "max": 5}
    assert len(index["samples"]["generator"]) == 3
    assert index["hash"] == content_hash(tmp_path / "data")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_the_same_rows_give_the_same_data_set_and_another_row_another_hash(tmp_path: Path) -> None:
    same = [built(tmp_path / name, [row(n) for n in range(60)]) for name in "ab"]
    assert same[0] == same[1]
    assert built(tmp_path / "c", [row(n) for n in range(61)])["hash"] != same[0]["hash"]


def test_copies_are_left_out_and_counted(tmp_path: Path) -> None:
    again = [row(1, prompt="Another prompt."), row(1, completion="  it IS the number 1!! "), row(2)]
    index = built(tmp_path / "data", [row(1), *again], held=0)
    assert index["counts"]["train"] == 2
    assert index["left_out"]["exact copies"] == 2


def test_a_broken_row_is_named_and_counted(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data", "sft", 0) as folder:
        folder.add(row(1))
        folder.add(row(2, completion=" "))
        folder.skip("tales.jsonl", 7, "not JSON")
        index = folder.finish()
    assert index["broken"] == {
        "count": 2,
        "first": [
            {"file": "made up", "line": None, "why": "no completion"}, {"file": "tales.jsonl", "line": 7, "why": "not JSON"}
        ],
    }  # fmt: skip
    named = (tmp_path / "data" / "broken.jsonl").read_text().splitlines()
    assert [json.loads(line)["why"] for line in named] == ["no completion", "not JSON"]


@pytest.mark.parametrize(
    ("kind", "changes", "fault"),
    [
        ("responses", {"responses": []}, "no responses"),
        ("responses", {"responses": [{"text": "A"}]}, "a response without a score"),
        ("responses", {"responses": [{"text": "", "score": 1}]}, "a response without text"),
        ("responses", {"responses": [{"text": "A", "score": 1.5}]}, ""),
        (
            "preference",
            {"chosen": "A", "rejected": "B", "chosen_score": 1, "rejected_score": True},
            "no number as rejected_score",
        ),
        ("preference", {"chosen": "A", "rejected": "B", "chosen_score": 1, "rejected_score": 0}, ""),
        ("sft", {"task": ""}, "no task"),
        ("sft", {"source": None}, "no source"),
    ],
)
def test_what_a_row_lacks_is_said(kind: Any, changes: dict[str, Any], fault: str) -> None:
    assert fault_of({**row(1), **changes}, kind) == fault


def test_an_interrupted_build_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def stopping() -> Iterator[dict[str, Any]]:
        yield row(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "data", stopping())
    assert list(tmp_path.iterdir()) == []
    # Killed without a chance to tidy up: the part is there, and the next build begins anew.
    (tmp_path / "data.part" / "train").mkdir(parents=True)
    (tmp_path / "data.part" / "train" / "rows-00007.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="not built to its end"):
        load_index(tmp_path / "data")
    built(tmp_path / "data", [row(n) for n in range(9)], held=0)
    assert [path.name for path in (tmp_path / "data" / "train").iterdir()] == ["rows-00000.jsonl"]
    assert not (tmp_path / "data.part").exists()


def test_a_full_disk_is_one_sentence_and_the_old_data_set_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built(tmp_path / "data", [row(1)], held=0)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders._Shards, "write", full)
    with pytest.raises(InputError, match=r"The disk of .*data is full: free some space"):
        built(tmp_path / "data", [row(2)], replace=True)
    assert load_index(tmp_path / "data") == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_when_the_last_rows_are_flushed_is_told_too(tmp_path: Path) -> None:
    def fill() -> None:
        with DataFolder(tmp_path / "data", "sft", 0) as folder:
            (folder.part / "train" / "rows-00000.jsonl").symlink_to("/dev/full")
            folder.add(row(1))
            folder.finish()

    with pytest.raises(InputError, match="is full"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_only_replaced_when_asked_for_and_by_one_build_at_a_time(tmp_path: Path) -> None:
    built(tmp_path / "data", [row(1)], held=0)
    with pytest.raises(InputError, match="is there already; give another --out, or --replace"):
        built(tmp_path / "data", [row(2)])
    with DataFolder(tmp_path / "data", "sft", 0, replace=True) as folder:
        folder.add(row(3))
        with pytest.raises(InputError, match="Another process is building"):
            built(tmp_path / "data", [row(4)], replace=True)
        folder.finish()
    assert [r["prompt"] for r in read_rows(tmp_path / "data", "train")] == ["What is 3?"]


def test_an_empty_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="they are empty"):
        built(tmp_path / "data", [])
    with pytest.raises(InputError, match=r"the one row could not be used \(made up: no prompt\)"):
        built(tmp_path / "data", [row(1, prompt="")])
    with pytest.raises(InputError, match="smaller --held"):
        built(tmp_path / "data", [row(1)], held=1.0)


def test_a_damaged_folder_says_where(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no data set"):
        load_index(tmp_path)
    built(tmp_path / "data", [row(1), row(2)], held=0)
    path = tmp_path / "data" / "train" / "rows-00000.jsonl"
    path.write_text(path.read_text() + '{"prompt": 1}\n')
    with pytest.raises(InputError, match=r"rows-00000\.jsonl, line 3: no prompt"):
        list(read_rows(tmp_path / "data", "train"))
    assert content_hash(tmp_path / "data") != load_index(tmp_path / "data")["hash"]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        filler = " ".join(f"word{n % 97}" for n in range(60))
        with DataFolder(tmp_path / str(count), "sft", 0.02) as folder:
            for n in range(count):
                folder.copy(f"{n} {filler[n % 50 :]} {n * 7} {n * 13} and {n * 31}")
                folder.add(row(n, group=f"book {n}", prompt=f"{filler} {n}"))
            folder.finish()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(50)
    assert peak(800) < peak(200) + 100_000


@given(st.text(min_size=1), st.floats(0, 1))
def test_a_group_is_on_one_side_whatever_its_spelling(group: str, share: float) -> None:
    assert is_held(group, share) == is_held(f"  {group} ", share)
    assert not is_held(group, 0)
    assert not is_held(group, share) or is_held(group, 1)


def test_about_the_wished_share_of_the_groups_is_held_out() -> None:
    held = sum(is_held(f"group {n}", 0.1) for n in range(10_000))
    assert 900 < held < 1100


WORDS = st.lists(st.sampled_from([f"w{n}" for n in range(400)]), min_size=40, max_size=120)


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_a_copy_is_found_whatever_its_case_and_marks(words: list[str]) -> None:
    text = " ".join(words)
    assert digest(text) == digest(text.upper().replace(" ", ",  "))
    assert likeness(signature(text), signature(f"{text.title()}!")) == 1.0
    assert normal(normal(text)) == normal(text)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_likeness_is_near_the_share_of_common_shingles(seed: int) -> None:
    import random

    words = [str(n) for n in random.Random(seed).sample(range(10**9), 400)]
    changed = [*words[:-40], *map(str, range(40))]
    shingles = [{tuple(w[i : i + 5]) for i in range(396)} for w in (words, changed)]
    true = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    assert abs(likeness(signature(" ".join(words)), signature(" ".join(changed))) - true) < 0.25


def test_near_copies_are_found_and_other_texts_are_not(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen.sqlite")
    text = " ".join(f"word{n * n % 1009}" for n in range(500))
    assert not seen.nearly_again(text)
    assert seen.nearly_again(f"A new beginning. {text} THE END")
    assert not seen.nearly_again(" ".join(f"other{n * n % 1009}" for n in range(500)))
    assert not seen.nearly_again("Only a few words.")
    assert not seen.nearly_again("Only a few words.")  # too short to be called a copy
    seen.close()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_spread_lies_within_the_lengths(lengths: list[int]) -> None:
    from collections import Counter

    told = spread(Counter(lengths))
    assert told["min"] == min(lengths) <= told["median"] <= told["p95"] <= told["max"] == max(lengths)
    assert told["median"] == sorted(lengths)[(len(lengths) + 1) // 2 - 1]
