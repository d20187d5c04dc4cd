"""Every format: the same story gives the same bytes, and a library that is missing is one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from export_samples import NAMES, NASTY, book

from planner.export.formats import BINARY, Format, export
from prompts.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("to", list(Format))
def test_the_same_story_gives_the_same_bytes_at_any_time(to: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    first = export(book(NAMES, NASTY), to)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert export(book(NAMES, NASTY), to) == first
    assert export(book(NAMES, "Other."), to) != first


@pytest.mark.parametrize("to", sorted(set(Format) - BINARY))
def test_no_text_format_carries_a_control_character(to: Format) -> None:
    data, notes = export(book(NASTY, title=NASTY, logline=NASTY.replace("\0", ""), model=NASTY), to)
    assert not [char for char in data.decode() if (char < " " or "\x7f" <= char <= "\x9f") and char != "\n"]
    assert notes == ()


@pytest.mark.parametrize(("to", "package"), [(Format.DOCX, "docx"), (Format.PDF, "typst")])
def test_a_missing_extra_is_one_sentence_with_its_command(
    to: Format, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=rf"^Exporting to {to} needs the export extra: pip install 'fabula\[export\]'\.$"
    ):
        export(book("One."), to)


def test_the_other_formats_need_nothing_but_the_base_install() -> None:
    code = (
        "import sys; sys.path[:0] = ['tests/planner']; sys.modules.update(dict.fromkeys(['docx', 'typst', 'lxml']))\n"
        "from export_samples import book\nfrom planner.export.formats import Format, export\n"
        "print(*[len(export(book('One.'), to)[0]) > 100 for to in Format if to not in {'docx', 'pdf'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True True True True True\n"
