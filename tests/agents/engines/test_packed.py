"""The packed format: exact in both directions, and clear about what is wrong with a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents.engines import packed, tensorfile
from agents.engines.packed import Matrix
from prompts.errors import EngineError, ModelMissing

packed_matrices = st.integers(1, 3).flatmap(
    lambda blocks: st.builds(
        Matrix,
        q=hnp.arrays(np.int8, (4, 32 * blocks), elements=st.integers(-127, 127)),
        e=hnp.arrays(np.int8, (4, blocks), elements=st.integers(-126, 120)),
    )
)
floats = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.sampled_from([32, 64])),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


@given(packed_matrices)
@settings(max_examples=200, deadline=None)
def test_every_packed_value_is_a_bfloat16(matrix: Matrix) -> None:
    values = matrix.floats()
    assert np.array_equal(tensorfile.bfloat16(values).floats(), values)
    assert np.array_equal(packed.quantize(values).floats(), values)


@given(floats)
@settings(max_examples=200, deadline=None)
def test_packing_is_the_nearest_value_and_settles_at_once(values: np.ndarray) -> None:
    matrix = packed.quantize(values)
    assert np.abs(matrix.q.astype(int)).max() <= 127
    assert (np.abs(matrix.floats() - values) <= matrix.scales().repeat(32, axis=1) / 2).all()
    again = packed.quantize(matrix.floats())
    assert np.array_equal(again.floats(), matrix.floats())


@given(hnp.arrays(np.float32, 8, elements=st.floats(-(2.0**126), 2.0**126, width=32)))
@settings(deadline=None)
def test_bfloat16_rounds_like_ml_dtypes(values: np.ndarray) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert np.array_equal(tensorfile.bfloat16(values).floats(), values.astype(ml_dtypes.bfloat16).astype(np.float32))


def test_round_trip_is_exact(packed_folder: Path, tmp_path: Path) -> None:
    hf = packed.unpack(packed_folder, tmp_path / "hf")
    first, second = packed.read(packed_folder), packed.read(hf)
    stored = tensorfile.read(hf / "model.safetensors")
    for name, matrix in first.matrices.items():
        assert stored[name].kind == "BF16"
        assert np.array_equal(stored[name].floats(), matrix.floats()), name
        assert np.array_equal(second.matrices[name].floats(), matrix.floats()), name
    for name, vector in first.vectors.items():
        assert np.array_equal(stored[name].floats(), vector), name
        assert np.array_equal(second.vectors[name], vector), name
    again = packed.pack(hf, tmp_path / "again", style="slots")
    ours, theirs = ({p.name: p.read_bytes() for p in f.glob("weights*")} for f in (packed_folder, again))
    assert ours == theirs
    assert (first.style, second.style) == ("slots", "plain")


def test_the_library_reads_what_we_write(packed_folder: Path, tmp_path: Path) -> None:
    numpy_side = pytest.importorskip("safetensors.numpy")
    part = next(packed_folder.glob("weights*"))
    ours = {n: t for n, t in tensorfile.read(part).items() if t.kind != "BF16"}
    tensorfile.write(tmp_path / "x.safetensors", ours)
    theirs = numpy_side.load_file(tmp_path / "x.safetensors")
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[n], t.data) for n, t in ours.items())


@pytest.mark.parametrize("kind", ["F16", "F32", "BF16"])
def test_reads_plain_folders_of_every_kind(kind: str, tmp_path: Path) -> None:
    model = packed.read(tiny.make_folder(tmp_path / "hf", kind=kind))
    exact = tensorfile.read(tmp_path / "hf" / "model.safetensors")
    for name, matrix in model.matrices.items():
        assert np.abs(matrix.floats() - exact[name].floats()).max() < 0.02


def test_a_plain_folder_and_its_packed_form_are_one_model(plain_folder: Path, packed_folder: Path) -> None:
    one, two = packed.read(plain_folder), packed.read(packed_folder)
    assert all(np.array_equal(m.floats(), two.matrices[n].floats()) for n, m in one.matrices.items())
    assert all(np.array_equal(v, two.vectors[n]) for n, v in one.vectors.items())


def test_big_models_are_cut_into_parts(plain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_PART_BYTES", 20_000)
    folder = packed.pack(plain_folder, tmp_path / "parts")
    parts = sorted(folder.glob("weights-*.safetensors"))
    assert len(parts) > 5
    assert parts[0].name == f"weights-00001-of-{len(parts):05}.safetensors"
    whole = packed.read(plain_folder)
    cut = packed.read(folder)
    assert all(np.array_equal(m.floats(), cut.matrices[n].floats()) for n, m in whole.matrices.items())


def test_new_and_old_rope_settings(tmp_path: Path) -> None:
    old = packed.read(tiny.make_folder(tmp_path / "old", rope_theta=500.0))
    new = tiny.make_folder(tmp_path / "new", rope_parameters={"rope_theta": 500.0, "rope_type": "default"})
    raw = json.loads((new / "config.json").read_text())
    del raw["rope_theta"]
    (new / "config.json").write_text(json.dumps(raw))
    assert old.config.theta == packed.read(new).config.theta == 500.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mistral"}, "runs Llama models only"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "rotary"),
        ({"attention_bias": True}, "biases"),
    ],
)
def test_refuses_models_that_it_would_run_wrongly(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    folder = tiny.make_folder(tmp_path / "hf")
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, **changes}))
    with pytest.raises(ModelMissing, match=message):
        packed.read(folder)


def test_refuses_sizes_that_are_no_multiple_of_32(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="multiples of 32"):
        tiny.make_folder(tmp_path / "hf", intermediate_size=90)
    with pytest.raises(EngineError, match="multiple of 32"):
        packed.quantize(np.zeros((2, 33), np.float32))
    with pytest.raises(EngineError, match="finite"):
        packed.quantize(np.full((2, 32), np.nan, np.float32))


def damage(folder: Path, how: str) -> None:
    part = next(folder.glob("weights-*"))
    if how == "gone":
        shutil.rmtree(folder)
    elif how == "config":
        (folder / "config.json").unlink()
    elif how == "json":
        (folder / "config.json").write_text("{")
    elif how == "part":
        part.unlink()
    elif how == "byte":
        raw = bytearray(part.read_bytes())
        raw[-1] ^= 1
        part.write_bytes(raw)
    elif how == "version":
        (folder / "fabula.json").write_text('{"version": 99}')
    elif how == "outside":
        (folder / "fabula.json").write_text('{"version": 1, "style": "slots", "parts": {"../x": "0"}}')


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("gone", "is not a folder"),
        ("config", r"has no config\.json"),
        ("json", "not readable JSON"),
        ("part", "has no weights-00001"),
        ("byte", "damaged"),
        ("version", "format 99"),
        ("outside", "outside its folder"),
    ],
)
def test_says_what_is_wrong_with_a_folder(how: str, message: str, packed_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(packed_folder, tmp_path / "model")
    damage(folder, how)
    with pytest.raises(ModelMissing, match=message) as caught:
        packed.read(folder)
    assert "\n" not in str(caught.value)


def test_never_opens_pickles(plain_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_folder, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelMissing, match="pickled"):
        packed.read(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelMissing, match="no weights"):
        packed.read(folder)


@pytest.mark.parametrize("raw", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b'\x0a\0\0\0\0\0\0\0{"a":null}'])
def test_half_a_weights_file_is_refused(raw: bytes, plain_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_folder, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(raw)
    with pytest.raises(ModelMissing, match="cannot be read"):
        packed.read(folder)


def test_weights_of_another_shape_are_refused(plain_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_folder, tmp_path / "model")
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, "intermediate_size": 128}))
    with pytest.raises(ModelMissing, match="do not belong"):
        packed.read(folder)
