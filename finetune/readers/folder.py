"""A folder of .txt and .md files, a story each; headings are chapters.

The group of a file is the folder that it lies in, since the chapters of a book or the stories of an author stand together;
a file at the top is a group by itself. Invariant: what is given out is prose, without the marks of Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from finetune.readers.base import MAX_CHARACTERS, Chapter, Options, Skip, Work, blocks, files_of, opened
from finetune.readers.gutenberg import body_of, is_heading, is_title

ENDINGS = (".txt", ".md", ".markdown")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.S)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.M)
_CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.S | re.M)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_UNDERLINED = re.compile(r"^(\S[^\n]*)\n(?:=+|-{3,})[ \t]*$", re.M)
_HASH = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_HEADING = re.compile(r"^[ \t]{0,3}(#{1,6}[ \t][^\n]*)$", re.M)
_RULE = re.compile(r"^[\s*_\-=#~·•]+$")


def read(path: Path, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each file below ``path``; an empty one is named. Raises ``InputError`` where there is none."""
    top = path if path.is_dir() else path.parent
    for file in files_of(path, ENDINGS, "stories"):
        name = str(file.relative_to(top))
        with opened(file) as handle:
            text = handle.read(MAX_CHARACTERS + 1).replace("\r\n", "\n")
        if len(text) > MAX_CHARACTERS:
            skip(name, None, f"longer than {MAX_CHARACTERS:,} characters; split it")
            continue
        if "\x00" in text or text.count("\ufffd") > 0.01 * len(text):
            skip(name, None, "not text (it is not UTF-8)")
            continue
        title, chapters = chapters_of(text, markdown=file.suffix.lower() != ".txt")
        if not chapters:
            skip(name, None, "no paragraph in it")
            continue
        within = file.relative_to(top).parent
        yield Work(
            name if within == Path() else str(within), options.source or top.name or "folder", chapters,
            licence=options.licence or "unknown", title=title or file.stem.replace("_", " ").replace("-", " "), place=name,
        )  # fmt: skip


def chapters_of(text: str, *, markdown: bool) -> tuple[str, tuple[Chapter, ...]]:
    """(title, chapters) of a file; the title is that of the front matter, or a heading that nothing stands before.

    In plain text it is a first line of a few words with capitals, and no full stop, that stands alone.
    """
    title = ""
    if markdown:
        if front := _FRONT_MATTER.match(text):
            title = found[1] if (found := _TITLE.search(front[0])) else ""
            text = text[front.end() :]
        text = _COMMENT.sub("", _CODE.sub("", text))
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
        text = _HEADING.sub(r"\n\1\n", _UNDERLINED.sub(r"# \1", text))
    else:
        text = body_of(text)
    chapters: list[tuple[str, list[str]]] = [("", [])]
    told = blocks(text)
    if not markdown and len(told) > 1 and is_title(told[0]) and not is_heading(told[0]):
        title = told.pop(0)
    for block in told:
        heading = _HASH.match(block) if markdown else None
        if heading or (not markdown and is_heading(block)):
            chapters.append((heading[1] if heading else block, []))
        elif not _RULE.match(block):
            chapters[-1][1].append(_EMPHASIS.sub(r"\2", block.lstrip("> ")) if markdown else block)
    if markdown and not title and len(chapters) > 1 and not chapters[0][1]:
        title = chapters[1][0]
    return title, tuple(Chapter(tuple(paragraphs), name) for name, paragraphs in chapters if paragraphs)
