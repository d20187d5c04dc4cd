"""What importing and running the embedded engine costs a process and its folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_importing_it_is_cheap_and_running_it_writes_nothing(packed_folder: Path, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("home", "cwd", "tmp")}
    for place in places.values():
        place.mkdir()
    code = f"""
import sys
from pathlib import Path
from agents.engines.embedded import EmbeddedEngine
assert not {{"onnxruntime", "onnx", "tokenizers", "llguidance"}} & set(sys.modules)
from agents.engines.base import Prompt, Request, Sampling
engine = EmbeddedEngine(Path({str(packed_folder)!r}))
engine.complete(Request(prompt=Prompt(text="the fox"), regex="[a-z]{{3}}", n=2, sampling=Sampling(max_tokens=9)))
engine.score(Prompt(text="the fox"), ["sang"])
engine.close()
"""
    root = Path(__file__).resolve().parents[3]
    before = {p: p.stat().st_mtime_ns for p in packed_folder.iterdir()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(places["home"]), "TMPDIR": str(places["tmp"])}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=places["cwd"],
        env={**environment, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    assert [p for place in places.values() for p in place.rglob("*")] == []
    assert {p: p.stat().st_mtime_ns for p in packed_folder.iterdir()} == before
