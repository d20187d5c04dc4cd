"""The embedded engine on a tiny random model: exactness first, then every setting of a request."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.engines.base import Completion, Engine, Prompt, Request, Sampling
from agents.engines.embedded import EmbeddedEngine
from agents.engines.writer import Writer
from prompts.errors import EngineError, ModelMissing

LONG = Prompt(text="<|write|><she1> Once upon a time a fox lived by the river and sang. " * 5 + "<|text|>")
SHORT = Prompt(text="<|write|>the river<|text|>")
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["fact", "doubt"]}, "day": {"type": "integer", "minimum": 1, "maximum": 30}},
    "required": ["kind", "day"],
    "additionalProperties": False,
}
ON_REQUEST = ("json_schema", "regex", "ban", "seed", "n")


def ask(engine: EmbeddedEngine, prompt: Prompt = LONG, **settings: Any) -> tuple[Completion, ...]:
    request = {key: settings.pop(key) for key in ON_REQUEST if key in settings}
    sampling = Sampling(**{"max_tokens": 30, "temperature": 1.0, **settings})
    return engine.complete(Request(prompt=prompt, sampling=sampling, **request))


def test_it_is_an_engine(engine: EmbeddedEngine) -> None:
    assert isinstance(engine, Engine)
    assert engine.style == "slots"
    assert re.fullmatch(r"tiny@[0-9a-f]{8}", engine.model)
    assert engine.count_tokens("<she1><|text|>") == 2


def test_a_seed_gives_the_same_text(engine: EmbeddedEngine) -> None:
    first = ask(engine, seed=5, n=3)
    assert ask(engine, seed=5, n=3) == first
    assert ask(engine, seed=6, n=3) != first
    assert ask(engine, seed=-5, n=1) == ask(engine, seed=-5, n=1)
    assert len({c.text for c in first}) == 3


@pytest.mark.parametrize("prompt", [SHORT, LONG])
def test_a_candidate_is_the_same_alone_and_among_others(engine: EmbeddedEngine, prompt: Prompt) -> None:
    sets = {n: ask(engine, prompt, seed=1, n=n, max_tokens=100, temperature=1.5) for n in (1, 2, 3, 8, 16, 20)}
    assert {c.finish for c in sets[20]} == {"stop", "length"}  # so rows were dropped on the way
    for n, candidates in sets.items():
        assert candidates == sets[20][:n]


def test_threads_do_not_change_the_text(packed_folder: Path) -> None:
    texts = []
    for threads in (1, 2):
        engine = EmbeddedEngine(packed_folder, threads=threads)
        texts.append(ask(engine, n=4))
        engine.close()
    assert texts[0] == texts[1]


def test_a_reused_prefix_changes_nothing(engine: EmbeddedEngine) -> None:
    prompts = [LONG.text[:k] for k in (330, 200, 300, 330, 40, 331)] + ["gate" + LONG.text[4:]]
    warm = [ask(engine, Prompt(text=text), n=2) for text in prompts]
    warm_scores = [engine.score(Prompt(text=text), ["the gate", "a fox"]) for text in prompts]
    for text, candidates, scores in zip(prompts, warm, warm_scores, strict=True):
        engine._decoder._cached.clear()
        assert ask(engine, Prompt(text=text), n=2) == candidates
        engine._decoder._cached.clear()
        assert engine.score(Prompt(text=text), ["the gate", "a fox"]) == scores


def test_scores_agree_with_completions(engine: EmbeddedEngine) -> None:
    drawn = ask(engine, max_tokens=20, regex="[a-z ]{5,30}", n=6)
    matched = 0
    for candidate in drawn:
        scores = engine.score(LONG, [candidate.text])[0]
        if len(scores) == candidate.tokens:  # the text's own tokens may be others than those drawn
            matched += 1
            assert sum(scores) == pytest.approx(
                candidate.logprob, abs=1e-3 if engine._decoder.compute == "float" else 3
            )
    assert matched
    assert engine.score(LONG, ["", "the gate"])[0] == []
    assert engine.score(LONG, []) == []


def test_logprob_is_that_of_the_model_itself(engine: EmbeddedEngine) -> None:
    plain = ask(engine, temperature=0)[0]
    odd = ask(engine, temperature=3.0, top_k=1, seed=9)[0]
    assert plain == odd
    assert plain.logprob is not None
    assert plain.logprob < 0


def test_top_k_and_min_p_and_top_p_narrow_to_greedy(engine: EmbeddedEngine) -> None:
    greedy = ask(engine, temperature=0)[0]
    assert ask(engine, top_k=1)[0] == greedy
    assert ask(engine, min_p=0.999999)[0] == greedy
    assert ask(engine, top_p=1e-6)[0] == greedy
    assert ask(engine, temperature=0.0001)[0] == greedy


def test_penalty_keeps_tokens_from_coming_back(engine: EmbeddedEngine) -> None:
    def variety(penalty: float) -> int:
        ids = [
            engine._tokenizer.encode(c.text).ids for c in ask(engine, n=8, temperature=0.5, repetition_penalty=penalty)
        ]
        return sum(len(set(i)) for i in ids)

    assert variety(3.0) > variety(1.0)


def test_banned_tokens_are_never_drawn(engine: EmbeddedEngine) -> None:
    free = ask(engine, n=16, temperature=2.0, seed=3, max_tokens=60)
    slots = sorted({m for c in free for m in re.findall(r"<(?:she|he|place)\d>", c.text)})
    assert slots
    held = ask(engine, n=16, temperature=2.0, seed=3, max_tokens=60, ban=(*slots, "no such token"))
    assert not [s for s in slots for c in held if s in c.text]
    assert ask(engine, ban=("no such token",)) == ask(engine)


def test_a_stop_string_cuts_the_text(engine: EmbeddedEngine) -> None:
    whole = ask(engine, temperature=0, max_tokens=30)[0]
    stop = whole.text[9:12]
    cut = ask(engine, temperature=0, max_tokens=30, stop=("never ever", stop))[0]
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish == "stop"
    assert cut.tokens < whole.tokens


def test_length_and_end(engine: EmbeddedEngine) -> None:
    candidates = ask(engine, n=16, max_tokens=60)
    for candidate in candidates:
        assert (candidate.tokens == 60) == (candidate.finish == "length")
        assert "<|end|>" not in candidate.text
        assert "<|pad|>" not in candidate.text
        assert candidate.prompt_tokens == engine.count_tokens(LONG.text)


def test_pieces_join_to_the_text(engine: EmbeddedEngine) -> None:
    for seed in range(6):
        for stop in ((), ("e",), (" the", "\n\n")):
            pieces: list[str] = []
            request = Request(prompt=LONG, n=3, seed=seed, sampling=Sampling(max_tokens=60, temperature=1.5, stop=stop))
            candidates = engine.complete(request, pieces.append)
            assert "".join(pieces) == candidates[0].text
            assert candidates == engine.complete(request)
            assert not [s for s in stop if s in candidates[0].text]


def test_half_a_character_is_never_shown(engine: EmbeddedEngine) -> None:
    pieces: list[str] = []
    writer = Writer(engine._tokenizer, ("xyz",), pieces.append)
    ids = engine._tokenizer.encode("a café and 🦊").ids
    for token in ids[:-1]:
        assert not writer.push(token)
    assert writer.finish() == "a café and "
    assert "".join(pieces) == "a café and "
    assert "\ufffd" not in "".join(pieces)


def test_the_beginning_of_a_stop_string_is_held_back(engine: EmbeddedEngine) -> None:
    for text, expected in (
        ("foxy gate", "foxy gate"),
        ("the fox<she1> ga", "the fox<she1> ga"),
        ("a fox<she1> gate", "a fox"),
    ):
        pieces: list[str] = []
        writer = Writer(engine._tokenizer, ("<she1> gate",), pieces.append)
        stopped = [writer.push(token) for token in engine._tokenizer.encode(text).ids]
        assert stopped[-1] == (expected == "a fox")
        assert writer.finish() == "".join(pieces) == expected


def test_json_fits_its_schema(engine: EmbeddedEngine) -> None:
    for candidate in ask(engine, n=8, json_schema=SCHEMA, max_tokens=60, temperature=2.0):
        assert candidate.finish == "stop"
        value = json.loads(candidate.text)
        assert set(value) == {"kind", "day"}
        assert value["kind"] in ("fact", "doubt")
        assert 1 <= value["day"] <= 30


def test_a_cut_constraint_says_so(engine: EmbeddedEngine) -> None:
    assert {c.finish for c in ask(engine, n=3, json_schema=SCHEMA, max_tokens=4)} == {"length"}


@pytest.mark.parametrize("pattern", [r"(fox|gate) [a-z]{3,8}<she1>!", r"\d{3}-\d{2}", r"[^<]{0,5}", "“café”"])
def test_text_matches_its_regex(engine: EmbeddedEngine, pattern: str) -> None:
    for candidate in ask(engine, n=6, regex=pattern, max_tokens=60, temperature=2.0):
        assert candidate.finish == "stop"
        assert re.fullmatch(pattern, candidate.text)


def test_constraints_keep_batch_exactness(engine: EmbeddedEngine) -> None:
    assert ask(engine, n=1, json_schema=SCHEMA) == ask(engine, n=8, json_schema=SCHEMA)[:1]


def test_a_bad_request_is_one_clear_sentence(engine: EmbeddedEngine) -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("cannot be followed", {"regex": "(unclosed"}),
        ("cannot be followed", {"json_schema": {"type": "no such type"}}),
        ("not both", {"regex": "a", "json_schema": SCHEMA}),
        ("room for 256", {"max_tokens": 250}),
        ("leave nothing", {"regex": "<she1>", "ban": ("<she1>", "<"), "prompt": SHORT}),
        ("empty", {"prompt": Prompt(text="")}),
    ]
    for message, settings in bad:
        with pytest.raises(EngineError, match=message) as caught:
            ask(engine, **settings)
        assert "\n" not in str(caught.value)
    assert ask(engine)  # and it goes on working


def test_the_context_can_be_filled_to_the_last_token(engine: EmbeddedEngine) -> None:
    room = 256 - engine.count_tokens(LONG.text)
    assert ask(engine, n=2, max_tokens=room)
    with pytest.raises(EngineError):
        ask(engine, max_tokens=room + 1)


def test_many_threads_get_what_one_gets(engine: EmbeddedEngine) -> None:
    alone = [ask(engine, seed=s, n=2) for s in range(4)]
    together: dict[int, tuple[Completion, ...]] = {}
    workers = [threading.Thread(target=lambda s=s: together.update({s: ask(engine, seed=s, n=2)})) for s in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [together[s] for s in range(4)] == alone


def test_a_listener_that_raises_leaves_the_engine_usable(engine: EmbeddedEngine) -> None:
    before = ask(engine, n=2)

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.complete(Request(prompt=LONG, n=2, sampling=Sampling(max_tokens=9)), stop)
    assert ask(engine, n=2) == before


def test_a_plain_folder_runs_too(plain_folder: Path, packed_folder: Path) -> None:
    plain, ours = EmbeddedEngine(plain_folder), EmbeddedEngine(packed_folder)
    assert (plain.style, plain.model) == ("plain", "hf")
    assert ask(plain, n=2) == ask(ours, n=2)


def test_a_closed_engine_says_so(packed_folder: Path) -> None:
    engine = EmbeddedEngine(packed_folder)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        ask(engine)


def test_bad_folders(tmp_path: Path, packed_folder: Path) -> None:
    with pytest.raises(ModelMissing, match="not a folder"):
        EmbeddedEngine(tmp_path / "nothing")
    for path in packed_folder.iterdir():
        if path.name != "tokenizer.json":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        EmbeddedEngine(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelMissing, match="not a tokenizer"):
        EmbeddedEngine(tmp_path)


@pytest.mark.torch
def test_it_computes_what_transformers_computes(packed_folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from agents.engines import packed

    folder = packed.unpack(packed_folder, tmp_path / "hf")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = " The old woman opened the gate<she1>, looked at the sky."
    engine = EmbeddedEngine(packed_folder, compute="float")
    prompt = tokenizer(LONG.text, add_special_tokens=False).input_ids
    words = tokenizer(text, add_special_tokens=False).input_ids
    assert prompt == engine._tokenizer.encode(LONG.text).ids
    assert tokenizer.decode(words) == text
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + words])).logits[0, len(prompt) - 1 : -1]
    theirs = torch.log_softmax(logits, -1).gather(1, torch.tensor(words)[:, None])[:, 0].numpy()
    assert np.abs(np.array(engine.score(LONG, [text])[0]) - theirs).max() < 1e-3
    with torch.inference_mode():
        greedy = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0, len(prompt) :]
    assert (
        tokenizer.decode(greedy, skip_special_tokens=False).split("<|end|>")[0]
        == ask(engine, temperature=0, max_tokens=20)[0].text
    )


def test_it_counts_what_the_prompt_before_left_in_the_cache(packed_folder: Path) -> None:
    engine = EmbeddedEngine(packed_folder)
    assert engine.prompt_counts.hit_rate is None
    ask(engine, LONG, n=3, max_tokens=4)
    length = engine.prompt_counts.asked
    assert (engine.prompt_counts.remembered, length) == (0, len(engine._encode(LONG, 4)))
    assert length > 64, "a whole chunk is kept, so the test needs a prompt of more"
    ask(engine, LONG, max_tokens=4)
    assert engine.prompt_counts.asked == 2 * length
    assert engine.prompt_counts.remembered == (length - 1) // 64 * 64
    engine.close()
