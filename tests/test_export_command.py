"""``fabula export``: a file in each format from a real story, and every bad input as one clear line."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import docx
import pytest
from cli_runner import PREMISE, error_of, fabula, process, story_of, texts_of, write
from pypdf import PdfReader

from agents.brief import make_brief
from planner.context import WriteSettings
from planner.session import begin
from planner.store import Library

FORMATS = ("md", "txt", "html", "epub", "docx", "pdf", "json")


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def text_of(path: Path) -> str:
    """What a reader of the format sees, on one line."""
    if path.suffix == ".docx":
        text = " ".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)
    elif path.suffix == ".pdf":
        text = " ".join(page.extract_text() for page in PdfReader(path).pages).replace("\xad\n", "")
    elif path.suffix == ".epub":
        with zipfile.ZipFile(path) as file:
            text = " ".join(file.read(name).decode() for name in file.namelist())
    else:
        text = path.read_text(encoding="utf-8")
    return " ".join(text.split())


@pytest.mark.parametrize("to", FORMATS)
def test_a_story_becomes_a_file_named_after_its_title(to: str) -> None:
    story = write("--title", "Zoë’s Door — below", paragraphs=4)
    result = fabula("export", story[:4], "--to", to, "--outline", "--summary", "--facts")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"zoes-door-below.{to}\n", "")
    path = Path(f"zoes-door-below.{to}")
    text = text_of(path)
    assert "Zoë’s Door — below" in text
    assert all(" ".join(paragraph.split()) in text for paragraph in texts_of(story))
    assert "Summary" in text or to == "json"
    again = fabula("export", story, "--to", to, "--outline", "--summary", "--facts", "--out", f"again.{to}")
    assert again.stdout == f"again.{to}\n"
    assert Path(f"again.{to}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("to", ["md", "txt", "html", "json"])
def test_text_goes_to_stdout_alone(to: str) -> None:
    story = write()
    before = files()
    result = fabula("export", story, "--to", to, "--out", "-")
    assert result.stderr == ""
    assert files() == before
    fabula("export", story, "--to", to, "--out", "file")
    assert Path("file").read_bytes() == result.stdout_bytes


def test_json_holds_the_whole_story() -> None:
    story = write(seed=9)
    value = json.loads(fabula("export", story, "--to", "json", "--out", "-").stdout)
    assert (value["id"], value["seed"], value["done"]) == (story, 9, True)
    assert [paragraph["text"] for paragraph in value["paragraphs"]] == texts_of(story)
    assert value == {
        **json.loads(fabula("show", story, "--json").stdout),
        "fabula": value["fabula"],
        "facts": value["facts"],
    }


def test_a_file_is_replaced_only_by_force() -> None:
    story = write("--title", "Below")
    Path("below.md").write_text("mine")
    assert error_of(fabula("export", story, "--to", "md")) == (
        "below.md is there already; give another --out, or --force to replace it."
    )
    assert Path("below.md").read_text() == "mine"
    assert fabula("export", story, "--to", "md", "--force").exit_code == 0
    assert "# Below" in Path("below.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["zzz0", "--to", "md"], "There is no story 'zzz0'"),
        (["STORY", "--to", "odt"], "Invalid value for '--to': 'odt' is not one of 'md', 'txt', 'html', 'epub', "),
        (["STORY"], "Missing option '--to'"),
        (["STORY", "--to", "md", "--out", "."], "--out . is a folder; name a file in it."),
        (["STORY", "--to", "md", "--out", "no/a.md"], "does not exist; make it first."),
        (["STORY", "--to", "md", "--out", "/dev/null", "--force"], "--out /dev/null is not a file"),
        *((["STORY", "--to", to, "--out", "-"], f"--out - is for text; give {to} a file.") for to in ("epub", "docx", "pdf")),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_exported_is_one_clear_line_and_leaves_no_file(arguments: list[str], says: str) -> None:
    story = write()
    before = files()
    assert says in error_of(fabula("export", *(story if argument == "STORY" else argument for argument in arguments)))
    assert files() == before


def test_a_story_with_no_paragraphs_yet_is_one_clear_line() -> None:
    with Library.open() as library:
        brief = make_brief(logline=PREMISE, paragraphs=3)
        story = begin(library, brief, 1, WriteSettings(), {"name": "scripted"}).id
    said = error_of(fabula("export", story, "--to", "pdf"))
    assert said == (
        f"Story {story} has no paragraphs yet, so there is nothing to export; go on with: fabula continue {story}"
    )


def test_a_missing_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    story = write()
    monkeypatch.setitem(sys.modules, "typst", None)
    said = error_of(fabula("export", story, "--to", "pdf"))
    assert said == "Exporting to pdf needs the export extra: pip install 'fabula[export]'."


FULL = (
    "import os, errno\n"
    "def full(descriptor): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
    "from planner.export import files\nfiles.os = type('os', (), {**vars(os), 'fsync': staticmethod(full)})"
)


def test_a_full_disk_is_one_clear_line_and_leaves_no_file() -> None:
    story = write("--title", "Below")
    before = files()
    with process("export", story, "--to", "html", code=FULL) as started:
        printed, errors = started.communicate(timeout=60)
    assert (started.returncode, printed) == (2, "")
    assert errors == "error: below.html cannot be written: No space left on device; nothing was changed.\n"
    assert files() == before


def test_a_branch_is_exported_and_shown_by_its_name() -> None:
    story = write("--title", "Below", paragraphs=3)
    with Library.open() as library:
        first = library.path(library.head(story))[0]
        library.set_head(story, "darker", first.id)
    told = json.loads(fabula("export", story, "--to", "json", "--out", "-", "--branch", "darker").stdout)
    assert [paragraph["text"] for paragraph in told["paragraphs"]] == [first.text]
    assert {fact["paragraph"] for fact in told["facts"]} <= {0}
    shown = json.loads(fabula("show", story, "--json", "--branch", "darker").stdout)
    assert shown == {key: value for key, value in told.items() if key not in {"fabula", "facts"}}
    for command in (("export", story, "--to", "md"), ("show", story)):
        said = error_of(fabula(*command, "--branch", "brighter"))
        assert said == "There is no branch 'brighter'; there are darker, main."
    assert "below.md" not in files()


def test_an_unfinished_story_says_so() -> None:
    story = write("--title", "Below", paragraphs=5)
    with Library.open() as library:
        library.mark_done(story, "main", False)
    assert not story_of(story).done
    assert fabula("export", story, "--to", "md", "--out", "-").stdout.endswith("*(unfinished)*\n")


def test_the_folder_of_a_training_run_is_handed_to_the_training_code(tmp_path: Path) -> None:
    run = tmp_path / "sft"
    run.mkdir()
    (run / "run.json").write_text('{"recipe": {"method": "sft", "data": "rows"}}')
    for arguments in ([str(run)], ["--to", "merged", str(run)]):
        result = fabula("export", *arguments)
        assert result.exit_code == 2
        assert f"Error: The run in {run} is not done" in result.stderr
    assert "'pdf' is not one of 'adapter', 'merged', 'embedded'" in error_of(fabula("export", str(run), "--to", "pdf"))
    shown = fabula("export", str(run), "--help").output
    assert "Export a trained model" in shown
    assert "fabula export RUN --help" in " ".join(fabula("export", "--help").output.split())
