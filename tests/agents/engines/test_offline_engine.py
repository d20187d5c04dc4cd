"""The engine that runs vLLM in this process, against a stand-in for vLLM (tests/servers has the real one)."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_vllm import Fake, Tokenizer, install

from agents.engines import open_engine
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.engines.offline import OfflineEngine
from prompts.errors import EngineError, InputError, ModelMissing, WritingStopped

ASK = Request(prompt=Prompt(system="You write.", text="Go on."), seed=7)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return install(monkeypatch)


@pytest.fixture
def engine(fake: Fake) -> Iterator[OfflineEngine]:
    with closing(OfflineEngine()) as engine:
        yield engine


def refused(act: Any) -> str:
    with pytest.raises(EngineError) as raised:
        act()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def params(fake: Fake, number: int = 1) -> Any:
    return fake.engine.asked[str(number)][1]


def test_it_is_an_engine_opened_by_name(fake: Fake) -> None:
    with closing(open_engine("offline")) as engine:
        assert isinstance(engine, Engine)
        assert (engine.name, engine.model, engine.style) == ("offline", "fabula-small", "slots")


def test_the_bundled_model_is_laid_out_for_vllm_and_the_cpus_memory_is_bounded(fake: Fake) -> None:
    with closing(OfflineEngine(tensor_parallel_size=2)):
        folder = Path(fake.options["model"])
        assert (folder / "config.json").is_file()
        assert list(folder.glob("*.safetensors"))
        assert fake.options["max_model_len"] == 512
        assert 256 * 2**20 <= fake.options["kv_cache_memory_bytes"] <= 4 * 2**30
        assert fake.options["structured_outputs_config"]["backend"] == "guidance"
        assert fake.options["tensor_parallel_size"] == 2
        assert fake.options["enable_chunked_prefill"] is False


def test_a_model_is_split_over_gpus_where_vllm_is_built_for_them(fake: Fake) -> None:
    with pytest.raises(InputError, match="gpus = 2, but the vLLM here is built for the CPU"):
        OfflineEngine(gpus=2)
    fake.cpu = False
    with closing(OfflineEngine(gpus=2)):
        assert fake.options["tensor_parallel_size"] == 2
    with closing(OfflineEngine()):
        assert "tensor_parallel_size" not in fake.options


def test_it_is_asked_as_the_settings_say(fake: Fake) -> None:
    with closing(OfflineEngine(prompt="completion")) as engine:
        assert (engine.prompt, engine.style) == ("completion", "plain")


def test_without_vllm_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "vllm":
            raise ModuleNotFoundError("No module named 'vllm'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    said = refused(OfflineEngine)
    assert "pip install 'fabula[vllm]'" in said
    assert "embedded" in said


def test_a_folder_that_is_no_model_is_named_with_the_flag_of_this_engine(fake: Fake) -> None:
    with pytest.raises(ModelMissing, match="--model nowhere: there is no such folder"):
        OfflineEngine("nowhere")


def test_a_model_that_cannot_be_loaded_is_one_sentence(fake: Fake) -> None:
    fake.broken = MemoryError("no\nroom")
    assert "vLLM cannot load fabula-small: MemoryError: no room" in refused(OfflineEngine)


def test_every_candidate_comes_back_without_the_token_that_ends_it(fake: Fake, engine: OfflineEngine) -> None:
    one, two = engine.complete(ASK.model_copy(update={"n": 2}))
    assert (one.text, one.tokens, one.logprob, one.finish) == ("Once upon a time", 4, -4.0, "stop")
    assert (two.text, two.tokens, two.logprob) == ("Once upon a time", 4, -8.0)
    assert one.prompt_tokens == len("You write. Go on.".split())
    assert (params(fake).n, params(fake).seed) == (2, 7)


def test_a_text_that_was_cut_says_so_and_counts_every_token(engine: OfflineEngine) -> None:
    (one,) = engine.complete(ASK.model_copy(update={"sampling": Sampling(max_tokens=2)}))
    assert (one.text, one.tokens, one.finish) == ("Once upon", 2, "length")


def test_text_is_told_piece_by_piece(fake: Fake, engine: OfflineEngine) -> None:
    shown: list[str] = []
    (one, _) = engine.complete(ASK.model_copy(update={"n": 2}), shown.append)
    assert len(shown) == 4
    assert "".join(shown) == one.text
    assert params(fake).output_kind == "cumulative"


def test_sampling_schema_pattern_and_bans_reach_vllm(fake: Fake, engine: OfflineEngine) -> None:
    sampling = Sampling(
        temperature=0.3, top_k=9, top_p=0.5, min_p=0.1, repetition_penalty=1.2, max_tokens=3, stop=("\n",)
    )
    engine.complete(ASK.model_copy(update={"sampling": sampling, "ban": ("<she1>", "two words")}))
    asked = params(fake)
    for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens"):
        assert getattr(asked, name) == getattr(sampling, name)
    assert asked.stop == ["\n"]
    assert asked.logit_bias == {fake.tokenizer.encode("<she1>", False)[0]: -100.0}
    assert asked.structured_outputs is None
    assert asked.skip_special_tokens is False
    engine.complete(ASK.model_copy(update={"json_schema": {"type": "object"}}))
    engine.complete(ASK.model_copy(update={"regex": "a|b"}))
    assert params(fake, 2).structured_outputs.json == {"type": "object"}
    assert params(fake, 3).structured_outputs.regex == "a|b"


@pytest.mark.parametrize(
    ("template", "style", "prompt"),
    [(True, "chat", "[system] You write. [user] Go on."), (False, "completion", "You write. Go on.")],
)
def test_a_model_that_reads_names_is_asked_in_its_own_way(fake: Fake, template: bool, style: str, prompt: str) -> None:
    fake.tokenizer = Tokenizer(slots=False, template=template)
    with closing(OfflineEngine()) as engine:
        assert (engine.prompt, engine.style) == (style, "plain")
        engine.complete(ASK.model_copy(update={"ban": ("<she1>",)}))
    asked, given = fake.engine.asked["1"]
    assert asked["prompt_token_ids"] == fake.tokenizer.encode(prompt, add_special_tokens=style == "completion")
    assert given.logit_bias is None
    assert given.stop == (None if style == "chat" else ["\n\n"])


def test_a_given_text_is_scored_token_by_token(engine: OfflineEngine) -> None:
    assert engine.score(Prompt(text="one two three"), ["four five", "", "six"]) == [[-1.5, -2.0], [], [-1.5]]


def test_many_callers_share_one_batch(fake: Fake, engine: OfflineEngine) -> None:
    fake.engine.words = ["word"] * 400
    begin = threading.Barrier(8)
    texts: list[str] = []

    def ask(seed: int) -> None:
        begin.wait()
        sampling = Sampling(max_tokens=300 + seed)
        texts.append(engine.complete(ASK.model_copy(update={"seed": seed, "sampling": sampling}))[0].text)

    callers = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(len(text.split()) for text in texts) == list(range(300, 308))
    assert fake.engine.most > 1


def test_a_request_that_vllm_refuses_is_one_sentence_and_harms_no_other(fake: Fake, engine: OfflineEngine) -> None:
    fake.engine.refuses = ValueError("the prompt\nis too long")
    assert "with fabula-small: ValueError: the prompt is too long" in refused(lambda: engine.complete(ASK))
    fake.engine.refuses = None
    assert engine.complete(ASK)[0].text == "Once upon a time"


def test_a_vllm_that_dies_ends_every_call_with_one_sentence(fake: Fake, engine: OfflineEngine) -> None:
    fake.engine.fails = RuntimeError("out of memory")
    assert "out of memory" in refused(lambda: engine.complete(ASK))
    assert "was closed" in refused(lambda: engine.complete(ASK))


def test_a_person_who_stops_a_text_gives_the_request_up(fake: Fake, engine: OfflineEngine) -> None:
    fake.engine.words = ["word"] * 10_000

    def stop(piece: str) -> None:
        raise WritingStopped("enough")

    with pytest.raises(WritingStopped):
        engine.complete(ASK.model_copy(update={"sampling": Sampling(max_tokens=10_000)}), stop)
    for _ in range(1_000):  # the request is given up by the thread that steps
        if fake.engine.aborted:
            break
        time.sleep(0.01)
    assert fake.engine.aborted == ["1-inner"]
    fake.engine.words = ["word", "</s>"]
    assert engine.complete(ASK)[0].text == "word"


def test_a_closed_engine_says_so_and_closing_twice_is_fine(engine: OfflineEngine) -> None:
    engine.close()
    engine.close()
    assert "was closed" in refused(lambda: engine.complete(ASK))
    assert engine.count_tokens("one two") == 2
