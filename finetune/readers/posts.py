"""Posts with scored responses as JSON lines (plain or packed): a prompt, what was written for it, and the readers' votes.

Accepted spellings; the first that is there counts:

    prompt      prompt, writing_prompt, title, post, question, instruction, history
    responses   responses, comments, stories, answers, replies, completions: a list of texts, or of objects with
                text, body, story, response, completion, content or answer, and a score
    scores      beside a list of texts: scores, upvotes, votes, points, ups, likes, rewards; in an object the same words
                in the singular or the plural
    one a row   prompt, one of the texts above and a score; rows of the same prompt that follow each other are one post
    pairs       human_ref_A/B with score_A/B; chosen/rejected with chosen_score/rejected_score or score_chosen/score_rejected
                (1 and 0 where there are none)

Invariant: a post is held at a time; a response without text or score is left out and named, the others are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from finetune.data.kinds import is_number
from finetune.readers.base import Options, Post, Response, Skip, files_of, json_lines, text_of
from finetune.readers.packed import ENDINGS
from finetune.readers.writingprompts import prompt_of

PROMPTS: Final = ("prompt", "writing_prompt", "title", "post", "question", "instruction", "history")
LISTS: Final = ("responses", "comments", "stories", "answers", "replies", "completions")
TEXTS: Final = ("text", "body", "story", "response", "completion", "content", "answer")
SCORES: Final = ("score", "upvotes", "votes", "points", "ups", "likes", "reward")
SCORE_LISTS: Final = ("scores", "upvotes", "votes", "points", "ups", "likes", "rewards")
_NO_TEXT: Final = frozenset({"[deleted]", "[removed]"})


@dataclass
class _Open:
    """A post that may still get responses from the rows after it."""

    prompt: str = ""
    responses: list[Response] = field(default_factory=list)
    place: str = ""


def read(path: Path, skip: Skip, options: Options) -> Iterator[Post]:
    """A post for each prompt, its responses in the order of the file. Raises ``InputError`` where there is no file."""
    for file in files_of(path, ENDINGS, "JSON lines"):
        name = options.source or file.name.partition(".jsonl")[0]
        waiting = _Open()
        for number, row in json_lines(file, skip):
            prompt = next((prompt_of(value) for key in PROMPTS if (value := text_of(row.get(key)))), "")
            if not prompt:
                skip(file.name, number, f"no prompt ({', '.join(PROMPTS)})")
                continue
            found = responses_of(row, lambda why, at=number, of=file.name: skip(of, at, why))
            if not found:
                continue
            if waiting.responses and waiting.prompt != prompt:
                yield _post(waiting, name, options)
                waiting = _Open()
            waiting.prompt, waiting.place = prompt, waiting.place or f"{file.name}, line {number}"
            waiting.responses += found
        if waiting.responses:
            yield _post(waiting, name, options)


def _post(made: _Open, name: str, options: Options) -> Post:
    unique = {response.text: response for response in made.responses}
    return Post(
        made.prompt, tuple(unique.values()), made.prompt, name, licence=options.licence or "unknown", place=made.place
    )


def responses_of(row: dict[str, Any], skip: Any) -> list[Response]:
    """The responses of a row; ``skip(why)`` is told of each that is left out, or that there are none."""
    if pair := _pair(row):
        raw = pair
    elif isinstance(listed := next((row[key] for key in LISTS if isinstance(row.get(key), list)), None), list):
        scores: list[Any] = next((row[key] for key in SCORE_LISTS if isinstance(row.get(key), list)), [])
        if scores and len(scores) != len(listed):
            skip(f"{len(listed)} responses and {len(scores)} scores")
            return []
        raw = [_parts(item, scores[place] if scores else None) for place, item in enumerate(listed)]
    else:
        raw = [_parts(row, None)]
    kept = []
    for text, score, author in raw:
        if not text or text in _NO_TEXT:
            skip("a response without text")
        elif not is_number(score):
            skip("a response without a score")
        else:
            kept.append(Response(text, float(score), author))
    if not raw:
        skip("no responses")
    return kept


def _parts(item: Any, score: Any) -> tuple[str, Any, str]:
    if isinstance(item, str):
        return item.strip(), _number(score), "person"
    if not isinstance(item, dict):
        return "", None, ""
    text = next((found for key in TEXTS if (found := text_of(item.get(key)))), "")
    if score is None:
        score = next((item[key] for key in (*SCORES, *SCORE_LISTS) if item.get(key) is not None), None)
    author = item.get("author")
    return text, _number(score), author if author in {"person", "model"} else "person"


def _number(value: Any) -> Any:
    """A score that was written as text counts as its number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value


def _pair(row: dict[str, Any]) -> list[tuple[str, Any, str]]:
    if "human_ref_A" in row and "human_ref_B" in row:
        return [(text_of(row[f"human_ref_{x}"]), _number(row.get(f"score_{x}")), "person") for x in "AB"]
    if isinstance(row.get("chosen"), str) and isinstance(row.get("rejected"), str):
        found = []
        for name, otherwise in (("chosen", 1.0), ("rejected", 0.0)):
            score = row.get(f"{name}_score", row.get(f"score_{name}", otherwise))
            found.append((text_of(row[name]), _number(score), "person"))
        return found
    return []
