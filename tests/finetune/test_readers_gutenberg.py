"""Books of Project Gutenberg lose their frame and keep their chapters and paragraphs."""

from __future__ import annotations

import lzma
from pathlib import Path

from finetune.readers import gutenberg
from finetune.readers.base import Options, Work
from finetune.readers.gutenberg import body_of, is_heading, is_prose, split_chapters

TALE = (
    "Mira went down to the harbour that morning, and nobody saw her go, for the fog lay\nover the boats and the old "
    "keeper was asleep. She had a key in her pocket and a letter\nin her hand, and she meant to be on the ship before "
    "anybody could ask her where she was\ngoing and why she had taken the lamp with her.\n\n"
    '"Stop!" cried a voice.\n\nShe did not stop.\n'
)
BOOK = f"""The Project Gutenberg eBook of The Lamp

Title: The Lamp
       on the Rock
Author: Ada Quill
Language: English

*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***

Produced by some volunteers at https://www.example.org

THE LAMP

CONTENTS

CHAPTER I. The Harbour      1
CHAPTER II. The Ship       14

PREFACE

I wrote this book in a cold winter, and I wish to thank everybody who helped me with it, in
the first place my sister, who read every page of it twice and liked one of them very much.

CHAPTER I. The Harbour

{TALE}
[Illustration: the harbour]

       *       *       *       *       *

CHAPTER II.

THE SHIP

{TALE.replace("Mira", "Oskar")}
THE END

By the same author: many other books, which the publisher will send to anybody who asks.

*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***

The licence says that you may copy it, and a hundred other things.
"""


def read(folder: Path, **options: str) -> tuple[list[Work], list[tuple[str, int | None, str]]]:
    skipped: list[tuple[str, int | None, str]] = []
    found = list(gutenberg.read(folder, lambda *named: skipped.append(named), Options(**options)))
    return found, skipped


def test_header_licence_contents_and_preface_are_cut_and_chapters_kept(tmp_path: Path) -> None:
    (tmp_path / "lamp.txt").write_text(BOOK.replace("\n", "\r\n"), encoding="utf-8")
    (work,), skipped = read(tmp_path)
    assert skipped == []
    assert (work.title, work.author, work.group) == ("The Lamp on the Rock", "Ada Quill", "The Lamp on the Rock")
    assert work.licence == "public domain (US)"
    assert [chapter.title for chapter in work.chapters] == ["CHAPTER I. The Harbour", "CHAPTER II. THE SHIP"]
    assert [len(chapter.paragraphs) for chapter in work.chapters] == [3, 3]
    assert work.paragraphs[0].startswith(
        "Mira went down to the harbour that morning, and nobody saw her go, for the fog lay over"
    )
    assert work.paragraphs[1:3] == ('"Stop!" cried a voice.', "She did not stop.")
    whole = " ".join(work.paragraphs)
    assert not any(word in whole for word in ("volunteers", "cold winter", "Illustration", "publisher", "licence", "*"))


def test_a_file_without_a_story_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nA TABLE\n\n1 2 3\n", encoding="utf-8"
    )
    (tmp_path / "b.txt").write_text(BOOK, encoding="utf-8")
    found, skipped = read(tmp_path)
    assert len(found) == 1
    assert skipped == [("a.txt", None, "no narrative found in it")]


def test_a_collection_without_numbers_has_its_tales_as_chapters() -> None:
    chapters = split_chapters(f"TWO TALES\n\nTHE LAMP\n\n{TALE}\n\nTHE OTHER LAMP\n\n{TALE}")
    assert [chapter.title for chapter in chapters] == ["TWO TALES THE LAMP", "THE OTHER LAMP"]


def test_tales_after_a_preface_are_not_lost_with_it() -> None:
    chapters = split_chapters(f"A BOOK\n\nPreface\n\nI thank you all.\n\nThe Lamp on the Rock\n\n{TALE}")
    assert [chapter.title for chapter in chapters] == ["A BOOK The Lamp on the Rock"]
    assert "thank" not in " ".join(chapters[0].paragraphs)


def test_headings_are_told_from_prose() -> None:
    for heading in ("CHAPTER I", "Chapter 12. The Long Night", "XIV.", "PROLOGUE", "III. Down the River", "THE FOX"):
        assert is_heading(heading), heading
    for prose in (
        '"NO!"',
        "I went home.",
        "mild and quiet",
        "VI. The rest of this is a variant of an older tale.",
    ):
        assert not is_heading(prose), prose
    assert is_prose("He went.")
    assert not is_prose("THE END.")
    assert not is_prose("Boston: Fields and Company")


def test_a_text_without_frame_stays_as_it_is() -> None:
    assert body_of(TALE) == TALE


def test_the_packed_books_go_the_same_way(tmp_path: Path) -> None:
    import json

    from finetune.readers import packed

    with lzma.open(tmp_path / "books.jsonl.xz", "wt", encoding="utf-8") as file:
        row = {"title": "The Lamp", "authors": ["Quill, Ada"], "text": BOOK, "source": "Project Gutenberg"}
        file.write(json.dumps(row | {"license": "public domain (US)"}) + "\n")
    (work,) = packed.read(tmp_path, lambda *named: None, Options())
    assert (work.group, len(work.chapters), work.licence) == ("Quill, Ada: The Lamp", 2, "public domain (US)")
