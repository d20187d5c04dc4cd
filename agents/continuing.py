"""Going on with a paragraph that its token limit cut off.

Where enough of it is left, the unfinished sentence is simply cut. Else a further call asks for the missing end. Invariant:
that call goes through the engine that was given, so a journal has it, and its prompt tells what it went on from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.engines.base import Completion, Engine, Prompt, Request
from agents.text import whole_sentences
from prompts.load import render

MARK = "Your paragraph was cut off after these words:"
END = "Write only what is missing, from the next word to the end of the sentence:"
ENOUGH = 50
"""Words of whole sentences that make a paragraph: the least that the prompt asks for."""
_CALLS = 2
_ROOM = 64  # tokens: the rest of a sentence
_OTHER_SEED = 104_729
_END_MARK = re.compile(r"[.!?][\"”]?(?=\s|$)")
_ENDED = re.compile(r"[.!?][\"”]?$")


def too_short(text: str) -> bool:
    """Whether a text that was cut in the midst of a sentence has too little left without it."""
    text = text.strip()
    return not _ENDED.search(text) and (len(whole_sentences(text).split()) < ENOUGH or not _END_MARK.search(text))


def completed(engine: Engine, request: Request, cut: Completion) -> Completion:
    """``cut``, an answer to ``request``, with the end of its sentence from at most two further calls.

    Its ``finish`` stays "length" when they do not reach an end. Raises ``EngineError`` when the model cannot run.
    """
    sampling = request.sampling.model_copy(update={"max_tokens": min(_ROOM, request.sampling.max_tokens)})
    for number in range(_CALLS):
        begun = _whole_words(cut.text)
        system, text = render(
            "generator/continue", "plain", system=request.prompt.system, question=request.prompt.text, mark=MARK,
            begun=begun, end=END,
        )  # fmt: skip
        seed = (request.seed + (number + 1) * _OTHER_SEED) % 2**32
        more = engine.complete(Request(prompt=Prompt(system=system, text=text), sampling=sampling, seed=seed))[0]
        known = cut.logprob is not None and more.logprob is not None
        cut = Completion(
            text=joined(begun, more.text), tokens=cut.tokens + more.tokens, prompt_tokens=cut.prompt_tokens,
            logprob=(cut.logprob or 0.0) + (more.logprob or 0.0) if known else None, finish=more.finish,
        )  # fmt: skip
        if cut.finish == "stop":
            break
    return cut


def whole(prompt: str, completions: Sequence[Completion]) -> list[Completion]:
    """The answers to a journalled ``prompt`` as paragraphs: those that only went on have their beginning again."""
    _, mark, rest = prompt.partition(f"\n{MARK}\n")
    if not mark:
        return list(completions)
    begun = rest.rpartition(END)[0].strip()
    return [one.model_copy(update={"text": joined(begun, one.text)}) for one in completions]


def joined(begun: str, more: str) -> str:
    """Both parts as one text. Models often say the last words again, or begin anew: what is said twice stands once."""
    old, new = begun.split(), re.sub(r"^[\s.…]+", "", more).split()
    if new[:5] == old[:5] and len(new) > 5:
        return " ".join(new)
    for count in range(min(len(old), len(new)), 1, -1):
        if old[-count:] == new[:count]:
            return " ".join([*old, *new[count:]])
    return " ".join([*old, *new])


def _whole_words(text: str) -> str:
    """Without the last word, which may be half of one."""
    text = " ".join(text.split())
    return text if text.endswith((",", ";", ":", '"', "”")) else text.rpartition(" ")[0] or text
