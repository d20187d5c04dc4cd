#!/usr/bin/env bash
# Make docs/story.svg: a real run of `fabula write` in a real terminal (tmux), caught while it writes. Needs tmux.
#   docs/picture.sh [SECONDS] [fabula write arguments ...]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-12}; shift || true
[ $# -gt 0 ] || set -- "A lighthouse keeper finds a door under the sea" --seed 4
folder=$(mktemp -d)
name="fabula-picture-$$"
trap 'tmux kill-session -t "$name" 2>/dev/null || true; rm -rf "$folder"' EXIT
printf -v command ' %q' "$@"
tmux -u new-session -d -s "$name" -x 100 -y 46 \
  "FABULA_LIBRARY=$folder/library.db COLORTERM=truecolor TERM=xterm-256color .venv/bin/fabula write $command; sleep 60"
sleep "$seconds"
tmux capture-pane -p -e -N -t "$name" > "$folder/screen"
.venv/bin/python docs/terminal_svg.py "$folder/screen" docs/story.svg "fabula write \"$1\""
