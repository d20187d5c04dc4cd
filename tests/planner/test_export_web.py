"""The page is well-formed, shows the story and runs nothing."""

from __future__ import annotations

from html.parser import HTMLParser

from export_samples import NAMES, NASTY, TAME, book, long_book

from planner.export.web import to_html

VOID = {"meta", "hr"}


class Page(HTMLParser):
    """Every element with its text; an element that is closed wrongly fails the test."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            self.found.append((tag, dict(attrs), ""))
        else:
            self.open.append((tag, dict(attrs), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        opened, attrs, text = self.open.pop()
        assert opened == tag
        self.found.append((tag, attrs, "".join(text)))

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return [text for found, _, text in self.found if found == tag]


def test_the_page_shows_every_paragraph_and_what_the_story_was_made_with() -> None:
    page = Page(to_html(book(NAMES, NASTY, title=f"{TAME} & more", logline='"> <script>x</script>')))
    assert {NAMES, TAME} <= set(page.texts("p"))
    assert page.texts("h1") == page.texts("title") == [f"{TAME} & more"]
    assert page.texts("script") == []
    meta = {attrs.get("name") or "": attrs.get("content") for tag, attrs, _ in page.found if tag == "meta"}
    assert (meta["description"], meta["fabula.model"], meta["fabula.seed"]) == ('"> <script>x</script>', "small@1", "7")
    assert meta["dcterms.modified"] == "2026-03-05T06:07:08+00:00"


def test_the_page_forbids_scripts_and_everything_from_elsewhere() -> None:
    html = to_html(book("One."))
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    assert "http" not in html.replace("http-equiv", "")


def test_chapters_breaks_appendices_and_an_open_end_are_elements() -> None:
    page = Page(to_html(long_book(done=False)))
    assert page.texts("h2") == ["1. Step 1", "2. Step 2", "Outline", "Summary", "Facts"]
    assert page.texts("p").count("(unfinished)") == 1
    assert len(page.texts("li")) == 2 + 1
    assert Page(to_html(book(["One.", "Two."], ["Three.", "Four."]))).texts("hr") == [""]
    assert Page(to_html(book("One."))).texts("hr") == []
