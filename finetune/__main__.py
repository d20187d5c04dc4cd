"""``python -m finetune``: the training commands."""

from finetune.cli import app

app(prog_name="python -m finetune")
