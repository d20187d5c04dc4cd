"""Embeddings: unit rows, what the style vector tells apart, and a cache that never asks a model twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.embeddings import PAPER, Cached, SentenceTransformer, Vectors, load_embedder
from finetune.stylometry import learn_scales, measure, style_vectors
from prompts.errors import InputError

TALK = '"Come here!" said Ann. "No," he said. "I won\'t." She laughed. "You will," she said, "or I\'ll cry."'
OLD = (
    "It was upon the evening of that day, which had been, as all who lived through it would afterwards agree, of an "
    "unusual heaviness; and the old man, whose disposition was not of the kind that yields to weather, walked through "
    "the avenue with a composure that was admired by the whole of the neighbourhood."
)


@dataclass
class Counting:
    """Embeds a text as its length and remembers what it was asked."""

    name: str = "counting"
    asked: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = np.array([[len(text), 1.0, 2.0] for text in texts], np.float32).reshape(-1, 3)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@given(st.lists(st.text(max_size=300), min_size=1, max_size=4))
def test_any_text_has_a_style_of_unit_length(texts: list[str]) -> None:
    rows = style_vectors(texts)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_a_style_does_not_depend_on_the_texts_beside_it() -> None:
    np.testing.assert_array_equal(style_vectors([TALK, OLD])[1], style_vectors([OLD])[0])


def test_texts_of_one_manner_are_nearer_than_texts_of_two_whatever_they_tell() -> None:
    other_talk = TALK.replace("Ann", "Tom").replace("laughed", "waited").replace("cry", "leave").replace("here", "back")
    other_old = OLD.replace("evening", "morning").replace("man", "judge").replace("avenue", "orchard")
    one, two, three, four = style_vectors([TALK, other_talk, OLD, other_old])
    assert min(one @ two, three @ four) > 0.8 > 0 > max(one @ three, two @ four)


def test_the_features_say_what_they_are_called() -> None:
    talk, old = measure(TALK), measure(OLD)
    assert talk["speech"] > 0.4 > old["speech"] == 0
    assert talk["group first singular"] > 0 == old["group first singular"]
    assert talk["sentences short"] > old["sentences short"]
    assert old["words long"] > talk["words long"]
    assert old["mark semicolon"] == pytest.approx(100 / 55)
    assert measure("I was. I had. He was.")["past tense"] == 1
    assert measure("I am. I have. He is.")["past tense"] == 0
    assert learn_scales([TALK, OLD]).keys() == talk.keys()


def test_a_text_is_embedded_once_for_each_model_and_never_again_by_the_next_run(tmp_path: Path) -> None:
    first, path = Counting(), tmp_path / "kept" / "vectors.sqlite"
    rows = Cached(first, path).embed(["a", "bb", "a"])
    assert first.asked == ["a", "bb"]
    np.testing.assert_array_equal(rows[0], rows[2])
    again, other = Counting(), Counting("another")
    np.testing.assert_array_equal(Cached(again, path).embed(["bb", "a", "ccc"])[:2], rows[[1, 0]])
    assert again.asked == ["ccc"]
    Cached(other, path).embed(["a"])
    assert other.asked == ["a"]
    assert Cached(again, path).embed([]).shape == (0, 0)


def test_many_texts_come_back_in_their_order(tmp_path: Path) -> None:
    texts = ["x" * n for n in range(1, 1300)]
    cached = Cached(Counting(), tmp_path / "v.sqlite")
    np.testing.assert_array_equal(cached.embed(texts), Counting().embed(texts))
    np.testing.assert_array_equal(cached.embed(texts[::-1]), Counting().embed(texts[::-1]))


def test_a_cache_that_is_no_cache_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "v.sqlite").write_text("not a database, and long enough to be read as one" * 40)
    with pytest.raises(InputError, match="cannot be kept in"):
        Cached(Counting(), tmp_path / "v.sqlite").embed(["a"])


def test_the_papers_models_go_by_their_names() -> None:
    names = [load_embedder(name).name for name in ("semantic-paper", "style-paper", "some/other")]
    assert names == [PAPER["semantic-paper"], PAPER["style-paper"], "some/other"]


def test_a_changed_model_folder_is_another_embedder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = SentenceTransformer(str(tmp_path)).name
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert SentenceTransformer(str(tmp_path)).name != before


def test_style_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from finetune.embeddings import load_embedder; load_embedder('style').embed(['A text.']); "
        "print([n for n in ('torch', 'transformers', 'sentence_transformers') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_offline_model_knows_what_a_text_is_about(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    cached = load_embedder("semantic", cache=tmp_path / "v.sqlite", device="cpu")
    ship, boat, bread = cached.embed(
        ["The ship sank in the storm.", "A boat went down in the gale.", "She baked a loaf of bread."]
    )
    assert ship.shape == (384,)
    assert np.linalg.norm(ship) == pytest.approx(1, abs=1e-5)
    assert ship @ boat > ship @ bread + 0.3
    with pytest.raises(InputError, match="cannot be loaded"):
        load_embedder(str(tmp_path / "nowhere")).embed(["a"])
