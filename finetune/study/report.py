"""The report of a study: scores, agreement and every choice, as Markdown, JSON and CSV.

Invariant: the files are made from the ratings alone, so that they can be made again at any time, while raters go on.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.judge.bootstrap import Estimate
from finetune.study.bundle import Study, load_study
from finetune.study.ratings import all_ratings
from finetune.study.scores import Vote, agreement, scores, votes
from prompts.errors import InputError


@dataclass(frozen=True)
class Report:
    """``scores`` by system, the strongest first. ``raters`` maps a name to (pairs decided, pairs skipped)."""

    study: Study
    votes: list[Vote]
    scores: dict[str, Estimate]
    raters: dict[str, tuple[int, int]]
    alpha: float | None
    same: float | None
    shared: int

    def row(self, name: str) -> tuple[int, float, int, float]:
        """(times shown and decided, wins, ties, share of wins with a tie as half) of a system."""
        mine = [v.outcome if v.systems[0] == name else 1 - v.outcome for v in self.votes if name in v.systems]
        return len(mine), mine.count(1.0), mine.count(0.5), (sum(mine) / len(mine) if mine else float("nan"))


def make_report(folder: Path, seed: int = 0) -> Report:
    """Raises ``InputError`` where there is no study, nobody rated yet, or a file of ratings is broken."""
    study = load_study(folder)
    ratings = all_ratings(study)
    given = votes(study, ratings)
    if not given:
        raise InputError(
            f"Nobody has decided a pair of {folder} yet; begin with: fabula study rate {folder} --rater NAME"
        )
    found = scores(study, given, seed)
    raters = {
        name: (sum(c != "skip" for c in made.values()), sum(c == "skip" for c in made.values()))
        for name, made in ratings.items()
    }
    best = dict(sorted(found.items(), key=lambda item: -item[1].value))
    return Report(study, given, best, raters, *agreement(given))


def number(value: float | None, digits: int = 2) -> str:
    """A number for people; a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def table_rows(report: Report) -> list[tuple[str, ...]]:
    """System, score, interval, wins, ties, losses, share of wins."""
    rows: list[tuple[str, ...]] = []
    for name, score in report.scores.items():
        count, wins, ties, share = report.row(name)
        span = f"{number(score.low)} to {number(score.high)}" if score.low is not None else "-"
        rows.append((name, number(score.value), span, str(wins), str(ties), str(count - wins - ties), f"{share:.0%}"))
    return rows


HEAD = ("system", "score", "95 % interval", "won", "tied", "lost", "win rate")


def agreement_line(report: Report) -> str:
    """The raters' agreement in one sentence."""
    if not report.shared:
        return "No pair was decided by two raters, so nothing can be said about their agreement."
    alpha = number(report.alpha) if report.alpha is not None else "not defined, since all choices are the same"
    same = f"two raters chose alike {report.same or 0:.0%} of the time"
    return f"Agreement on {report.shared} pairs: Krippendorff's alpha {alpha}; {same}."


def as_markdown(report: Report) -> str:
    cell = [tuple(part.replace("|", "\\|") for part in row) for row in table_rows(report)]
    lines = ["| " + " | ".join(row) + " |" for row in (HEAD, tuple("---" for _ in HEAD), *cell)]
    raters = ", ".join(f"{name} ({made} decided, {left} skipped)" for name, (made, left) in report.raters.items())
    return (
        f"# Preference study\n\n{len(report.votes)} choices on {len(report.study.pairs)} pairs. Raters: {raters}.\n\n"
        + "\n".join(lines)
        + "\n\nScores are Bradley-Terry log-strengths with mean 0 (the odds that one is preferred to another are e to their "
        "difference); a tie is half a win for both; intervals are bootstrapped over prompts, and a dash where all "
        "prompts went the same way.\n\n"
        + agreement_line(report) + "\n"
    )  # fmt: skip


def as_json(report: Report) -> dict[str, Any]:
    """Everything in the report, numbers as they are."""
    return {
        "pairs": len(report.study.pairs), "choices": len(report.votes),
        "systems": {
            name: {"score": e.value, "low": e.low, "high": e.high, "prompts": e.prompts}
            | dict(zip(("decided", "won", "tied", "win_rate"), report.row(name), strict=True))
            for name, e in report.scores.items()
        },
        "raters": {name: {"decided": made, "skipped": left} for name, (made, left) in report.raters.items()},
        "agreement": {"alpha": report.alpha, "same": report.same, "pairs": report.shared},
        "votes": [vote._asdict() for vote in report.votes],
    }  # fmt: skip


def write_report(report: Report, out: Path) -> list[Path]:
    """report.md, report.json and choices.csv in ``out``."""
    paths = [out / name for name in ("report.md", "report.json", "choices.csv")]
    try:
        out.mkdir(parents=True, exist_ok=True)
        paths[0].write_text(as_markdown(report), encoding="utf-8")
        paths[1].write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
        numbers = {prompt: k for k, prompt in enumerate(dict.fromkeys(p.prompt for p in report.study.pairs), 1)}
        with paths[2].open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("rater", "pair", "prompt", "left", "right", "choice", "preferred"))
            for vote in report.votes:
                right = vote.systems[0] if vote.left == vote.systems[1] else vote.systems[1]
                preferred = {"left": vote.left, "right": right}.get(vote.choice, "")
                table.writerow((vote.rater, vote.pair, numbers[vote.prompt], vote.left, right, vote.choice, preferred))
    except OSError as error:
        raise InputError(f"The report can't be written to {out}: {error.strerror}.") from error
    return paths
