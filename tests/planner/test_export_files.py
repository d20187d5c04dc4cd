"""A file is there whole or not at all, and nothing is replaced unasked."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from planner.export import files
from prompts.errors import InputError

NOBODY = 65534


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Key", "the-key"),
        ("Zoë's “Große” Straße — №5!", "zoes-grosse-strasse-no5"),
        ("../../etc/passwd", "etc-passwd"),
        ("Привет, мир", "привет-мир"),
        ("日本", "日本"),
        ("...", "abcd1234"),
        ("\x00/\\", "abcd1234"),
        ("a_b\nc", "a-b-c"),
        ("x" * 300, "x" * 60),
        ("a long title " * 20, "a-long-title-a-long-title-a-long-title-a-long-title-a-long"),
    ],
    ids=ascii,
)
def test_a_title_becomes_a_short_plain_file_name(title: str, name: str) -> None:
    assert files.slug(title, "abcd1234") == name


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    files.write(path, b"one", force=False)
    with pytest.raises(InputError, match=r"a\.md is there already; give another --out, or --force to replace it\.$"):
        files.write(path, b"two", force=False)
    assert path.read_bytes() == b"one"
    files.write(path, b"two", force=True)
    assert path.read_bytes() == b"two"
    assert [found.name for found in tmp_path.iterdir()] == ["a.md"]


def test_it_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    files.write(tmp_path / "a.md", b"", force=False)
    assert (tmp_path / "a.md").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_bytes(b"one")
    (tmp_path / "link.md").symlink_to("real.md")
    files.write(tmp_path / "link.md", b"two", force=True)
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_bytes() == b"two"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (".", "is a folder; name a file in it."),
        ("no/a.md", "does not exist; make it first."),
        ("pipe", "is not a file"),
    ],
)
def test_what_cannot_be_written_is_one_sentence_before_any_work(tmp_path: Path, name: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=says):
        files.check_target(tmp_path / name, force=True)


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"one")
    with small_disk(10_000), pytest.raises(InputError, match=r"a\.md cannot be written: .*; nothing was changed\.$"):
        files.write(path, b"two" * 10_000, force=True)
    assert path.read_bytes() == b"one"
    assert [found.name for found in tmp_path.iterdir()] == ["a.md"]


def test_a_name_that_no_file_system_takes_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written: File name too long; nothing was changed\.$"):
        files.write(tmp_path / ("x" * 300), b"", force=False)


def test_a_folder_without_permission_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path to it may be closed to others as well
    tmp_path.chmod(0o555)
    privileged = os.geteuid() == 0
    if privileged:  # permissions mean nothing to root
        os.seteuid(NOBODY)
    try:
        with pytest.raises(InputError, match=r"^a\.md cannot be written: Permission denied; nothing was changed\.$"):
            files.write(Path("a.md"), b"", force=False)
    finally:
        if privileged:
            os.seteuid(0)
        tmp_path.chmod(0o755)
