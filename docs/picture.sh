#!/usr/bin/env bash
# Make docs/story.svg: a real run of `fabula write` in a real terminal (tmux), caught while it writes. Needs tmux.
#   docs/picture.sh [SECONDS] [fabula write arguments ...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-12}; shift || true
[ $# -gt 0 ] || set -- "A lighthouse keeper finds a door under the sea" --seed 7
folder=$(mktemp -d)
name="fabula-picture-$$"
trap 'tmux kill-session -t "$name" 2>/dev/null || true; rm -rf "$folder"' EXIT
printf -v command ' %q' "$@"
tmux -u new-session -d -s "$name" -x 100 -y 46 \
  "FABULA_LIBRARY=$folder/library.db COLORTERM=truecolor TERM=xterm-256color .venv/bin/fabula write $command; sleep 60"
sleep "$seconds"
tmux capture-pane -p -e -t "$name" > "$folder/screen"
.venv/bin/python - "$folder/screen" docs/story.svg "fabula write \"$1\"" <<'PY'
import io, pathlib, sys
from rich.console import Console
from rich.text import Text

screen, target, title = sys.argv[1:]
console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor")
console.print(Text.from_ansi(pathlib.Path(screen).read_text().rstrip("\n")))
console.save_svg(target, title=title)
PY
