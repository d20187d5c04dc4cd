"""Which of two texts a judge model prefers, asked in both orders.

Invariant: a judge that only likes one place, or gives no answer, prefers nothing: that is a tie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.engines.base import Engine, Prompt, Request, Sampling
from finetune.judge.cases import Case
from prompts.load import render

_ANSWER: Final = re.compile(r"(?<!\d)[12](?!\d)")
_GREEDY: Final = Sampling(temperature=0, max_tokens=8)


def ask(judge: Engine, case: Case, one: str, other: str, seed: int) -> dict[str, str]:
    """The judge's answers ("1", "2", or "" where it gave none) with ``one`` first, and with ``other`` first."""
    return {"straight": _answer(judge, case, one, other, seed), "turned": _answer(judge, case, other, one, seed)}


def _answer(judge: Engine, case: Case, first: str, second: str, seed: int) -> str:
    system, text = render("judge/pair", "plain", prompt=case.joined(), first=first.strip(), second=second.strip())
    # Servers differ in how they take a pattern; the engines at hand all take it.
    pattern = None if judge.name in {"server", "scripted"} else "[12]"
    request = Request(prompt=Prompt(text=text, system=system), sampling=_GREEDY, seed=seed, regex=pattern)
    found = _ANSWER.search(judge.complete(request)[0].text)
    return found[0] if found else ""


def won(row: Mapping[str, Any]) -> tuple[float, float]:
    """(1 for a win of the first text, 0 for a loss, 1/2 for a tie, 1).

    Source: L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023): positions swapped, and a tie where
    the two answers differ.
    """
    return {("1", "2"): 1.0, ("2", "1"): 0.0}.get((row["straight"], row["turned"]), 0.5), 1.0
