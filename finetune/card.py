"""Write the model card of a packed model from what its training runs wrote down, and check weights against it.

``python -m finetune card RUN... MODEL_FOLDER`` writes README.md and loss.png. Invariant: every number on the card is
read from a record; where there is none the card says so. Only "What it is bad at" is written by hand (card_notes.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.card_preference import NOT_TAUGHT, is_preference, preference_text
from finetune.records import Record, draw_curve, read_record
from prompts.errors import InputError

NOTES = Path(__file__).parent / "card_notes.md"
SAMPLES = "samples.md"
READING = Path(__file__).parent / "card_reading.md"
LICENCES = {
    "tinystories": ("TinyStories (the GPT-4 part)", "CDLA-Sharing-1.0"),
    "african_storybook": ("African Storybook", "CC BY 3.0 and 4.0"),
    "pratham_books": ("Pratham Books, StoryWeaver", "CC BY 4.0"),
    "fairytaleqa": ("FairytaleQA, its story texts", "Apache-2.0"),
    "gutenberg_fiction": ("Project Gutenberg, fiction with the simplest words", "public domain in the US"),
}
OWN = "our own "
"""How the data set of our own stories calls its sources (finetune/stories/slots.py)."""
OPTIMIZERS = {"muon": "Muon for the layers' matrices, AdamW for the rest", "adamw": "AdamW"}
_SPREAD = ("semantic", "style", "quality")
_HASH_LINE = re.compile(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _model_files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("weights-*.safetensors"), folder / "config.json", folder / "tokenizer.json"])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines: list[tuple[str, ...]] = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _what(records: list[Record], folder: Path) -> str:
    size, last = records[-1].recipe["model"], records[-1]
    held = sum(path.stat().st_size for path in folder.glob("weights-*.safetensors")) / 1e6
    return (
        f"A Llama with {last.about['parameters'] / 1e6:.1f} million parameters ({size['layers']} layers of "
        f"{size['hidden']}, {size['heads']} heads, {size['kv_heads']} of keys and values, a context of "
        f"{size['context']} tokens), trained from scratch for one purpose: to fill the five roles of Fabula. It writes "
        "the next paragraph of a story from a summary, the last paragraph and a beat; it notes what a paragraph adds; "
        "it proposes a premise, beats and titles. It reads and writes *slots* such as `<she1>` and `<place2>`, which "
        f"the typed story state fills with names. The weights are int8 with one power of two for every 32 values, "
        f"{held:.1f} MB, and run on a CPU inside Fabula. It is no chat model and knows nothing of the world."
    )


def _data(records: list[Record]) -> str:
    """A table of what the runs read; counts come from the data sets' own indexes, where they still are the same."""
    rows: dict[str, tuple[str, ...]] = {}
    notes = []
    for record in records:
        for source, seen in zip(record.recipe["data"], record.about["data"], strict=True):
            index = _index(Path(source["folder"]), seen["sha256"])
            counts = {k.removeprefix("rows of "): v for k, v in index.get("counts", {}).items() if k[:8] == "rows of "}
            own = sum(count for name, count in counts.items() if name.startswith(OWN))
            if own:
                rows["stories"] = ("Fabula's own stories (finetune/stories)", "Apache-2.0, part of Fabula", f"{own:,}")
            worlds = [name for name in counts if name not in LICENCES and not name.startswith(OWN)]
            if worlds:
                told = f"{len(worlds)} worlds, {index.get('stories_a_world', '?')} stories each"
                told += ", prompts varied" if index.get("varied") else ""
                total = f"{sum(counts[name] for name in worlds):,}"
                name = "varied" if index.get("varied") else "worlds"
                rows[name] = (f"Fabula's story worlds ({told})", "Apache-2.0, part of Fabula", total)
            for name in (name for name in LICENCES if name in counts):
                rows[name] = (*LICENCES[name], f"{counts[name]:,}")
            if not counts:
                name = Path(source["folder"]).name
                rows.setdefault(name, (f"{name} (its index is no longer there)", "see above", f"{seen['rows']:,}"))
            notes.append(f"`{Path(source['folder']).name}` {seen['sha256'][:16]} ({record.name})")
    text = (
        "No name is learnt: names in the corpora were turned into slots. Every fiftieth corpus story, every tenth premise of "
        "our own stories and stories of unseen seeds were held out. No corpus text is part of this repository.\n\n"
    )
    table = _table(
        ("source", "licence", "rows"),
        [rows[name] for name in sorted(rows, key=lambda n: (n != "worlds", n != "varied"))],
    )
    return f"{text}{table}\n\nSHA-256 of the training tokens, first 16 digits: {'; '.join(notes)}."


def _index(folder: Path, wanted: str) -> dict[str, Any]:
    path = folder / "train" / "index.json"
    index: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return index if index.get("sha256") == wanted else {}


def _recipe(records: list[Record]) -> str:
    rows = []
    for number, record in enumerate(records, 1):
        r = record.recipe
        planned = f"{r['steps']} steps" if r["steps"] else f"{r['minutes']:g} min"
        mix = ", ".join(
            f"{Path(s['folder']).name} {s['share'] / sum(d['share'] for d in r['data']):.0%}" for s in r["data"]
        )
        decay = f"the last {r['decay']:.0%} falls to zero" if r["decay"] else "no decay"
        rows.append((
            str(number), mix, f"{record.tokens / 1e6:.2f} M", f"{record.step:,}", f"{record.seconds / 60:.1f}",
            planned if record.finished else f"{planned}, cut short at step {record.step}",
            OPTIMIZERS[r["optimizer"]], f"{r['learning_rate']:g}, warmup {r['warmup_steps']} steps, {decay}",
            f"{r['batch_tokens'] * r['accumulate']:,}", record.hardware,
        ))  # fmt: skip
    head = (
        "stage", "rows from", "tokens seen", "steps", "minutes", "planned", "optimizer", "learning rate",
        "tokens a step, at most", "hardware",
    )  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in records[-1].about["versions"].items())
    weights = [f"{record.recipe['prompt_weight']:g}" for record in records]
    weight = weights[0] if len(set(weights)) == 1 else f"{', '.join(weights)} (by stage)"
    return (
        f"{_table(head, rows)}\n\nIn all {sum(r.tokens for r in records) / 1e6:.2f} million tokens. A prompt token "
        f"has {weight} of the loss weight of a completion token. {versions}.\n\n![Training loss](loss.png)"
    )


def _perplexities(records: list[Record], packed: dict[str, float] | None) -> str:
    columns = [record.perplexity for record in records]
    names = sorted({name for column in (*columns, packed or {}) for name in column})
    names.sort(key=lambda name: name.split(" ")[0] != "worlds")
    if not names:
        return "No held-out perplexity is on record."
    head = ("held out", *(f"after stage {n}" for n in range(1, len(records) + 1)), *(["as shipped"] if packed else []))
    columns += [packed] if packed else []
    rows = [(name, *(f"{column[name]:.2f}" if name in column else "-" for column in columns)) for name in names]
    text = "Perplexity of the completion's tokens on stories that were not trained on (lower is better)."
    if packed:
        text += " `as shipped` is measured through Fabula's engine on the packed weights."
    if any(not record.finished for record in records):
        text += " A stage that was cut short is given at its last evaluation."
    return f"{text}\n\n{_table(head, rows)}"


def _variety(measures: dict[str, Any] | None) -> str:
    if measures is None:
        return "Not measured; run `python -m finetune measure worlds`."
    share = measures["shares"]
    rows = [
        ("stories", measures["stories"], measures["different_stories"], share["stories"]),
        ("opening paragraphs", measures["stories"], measures["different_openings"], share["openings"]),
        ("paragraphs", measures["paragraphs"], measures["different_paragraphs"], share["paragraphs"]),
        ("sentences", measures["sentences"], measures["different_sentences"], share["sentences"]),
        ("runs of four words", measures["word_runs"], measures["different_word_runs"], share["word_runs"]),
    ]
    cells = [(name, f"{told:,}", f"{different:,}", f"{part:.1%}") for name, told, different, part in rows]
    return (
        f"{measures['worlds']} worlds with {measures['written_sentences']:,} hand-written sentences told "
        f"{measures['stories']:,} stories. Texts are compared in slots, so names add no variety.\n\n"
        f"{_table(('', 'told', 'different', 'share'), cells)}"
    )


def _worth(worth: dict[str, Any] | None) -> str:
    """What benchmarks/model.py found, as two tables."""
    if worth is None:
        return "Not measured; run `make bench-model`."
    words = worth["perplexity per word"]
    sets = list(next(iter(words.values())))
    first = [(name, *(f"{found[key]:.1f}" for key in sets)) for name, found in words.items()]
    notes, sides = worth["summarizer"], ("planned", "continued")
    second = [(key, *(f"{worth[side][key]:.3f}" for side in sides)) for key in worth["planned"]]
    rouge = ", ".join(
        f"{name.upper().replace('ROUGE', 'ROUGE-')} {notes[name]:.3f}" for name in ("rouge1", "rouge2", "rougeL")
    )
    spread = worth.get("diversity") or {}
    third = [(name, *(f"{found[key]:.3f}" for key in _SPREAD)) for name, found in spread.items()]
    varied = (
        "\n\nSeveral texts to each of the same held-out prompts, before (SFT) and after (DDPO) a run of preference training, "
        "which is shipped only where the section on it above says so: mean distance of "
        f"two texts (0 to 2) and quality by code (0 to 10):\n\n{_table(('model', *_SPREAD), third)}"
        if third
        else ""
    )
    return (
        f"By `make bench-model`. Perplexity per word of held-out paragraphs:\n\n{_table(('model', *sets), first)}\n\n"
        f"The summarizer on held-out premises: {rouge} against the writers' own notes; {notes['unfaithful']:.1%} of its notes "
        "name or say what no text says.\n\nStories of ten paragraphs to held-out premises, planned by Fabula and simply "
        f"continued from the premise by the same model:\n\n{_table(('mean', *sides), second)}{varied}"
    )


def _again(records: list[Record]) -> str:
    minutes = [f"{round(record.seconds / 60)}" for record in records]
    options = "".join(f" --minutes {length}" for length in minutes)
    if len(minutes) == 1:
        options = f" {'--config gpu' if 'CPU' not in records[-1].hardware else '--worlds-only'}{options}"
    return (
        f"```sh\npython -m finetune model --corpora DIR{options}\n```\n\nStages end by the clock, so another machine "
        "sees another number of tokens: the recipe is the same, the weights are not. finetune/README.md has the rest."
    )


def card_text(
    records: list[Record], folder: Path, measures: dict[str, Any] | None, packed: dict[str, float] | None,
    worth: dict[str, Any] | None = None, taught: str = NOT_TAUGHT,
) -> str:  # fmt: skip
    """The card as Markdown. ``taught`` is what is said of preference training."""
    hashes = [(f"`{path.name}`", f"`{sha256(path)}`") for path in _model_files(folder)]
    reading = READING.read_text(encoding="utf-8").strip() if READING.is_file() else "Nobody has read them yet."
    if (folder / SAMPLES).is_file():
        reading = f"The first ten, none of them chosen, stand in [{SAMPLES}]({SAMPLES}).\n\n{reading}"
    parts = {
        "What it is": _what(records, folder),
        "Data and licences": _data(records),
        "How it was trained": _recipe(records),
        "How it was taught to prefer": taught,
        "How well it predicts": _perplexities(records, packed),
        "How varied the story worlds are": _variety(measures),
        "What it is worth on what it never saw": _worth(worth),
        "Twenty stories, read from start to end": reading,
        "What it is bad at": NOTES.read_text(encoding="utf-8").strip(),
        "How to make it again": _again(records),
        "Hashes": f"Check with `python -m finetune verify {folder.name}`.\n\n{_table(('file', 'SHA-256'), hashes)}",
    }
    front = (
        "---\nlicense: apache-2.0\nlanguage: en\npipeline_tag: text-generation\ntags: [fabula, story-generation]\n---\n"
    )
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    return f"{front}# Fabula's bundled model\n\n{body}\n"


def write_card(
    runs: list[Path], folder: Path, measures: Path | None = None, packed: Path | None = None, worth: Path | None = None
) -> Path:
    """Write ``README.md`` and ``loss.png`` into the packed model's folder; returns the card's path.

    ``measures``, ``packed`` and ``worth`` are the JSON files of ``measure worlds``, ``evaluate`` and ``benchmarks.model``,
    used where they exist.
    Raises ``InputError`` where a run or the model is not there.
    """
    preferred = [run for run in runs if is_preference(run)]
    records = [read_record(run) for run in runs if run not in preferred]
    if not (folder / "fabula.json").is_file():
        raise InputError(f"There is no packed model in {folder}; export one there first.")
    found, heard, valued = (
        json.loads(path.read_text()) if path and path.is_file() else None for path in (measures, packed, worth)
    )
    draw_curve(records, folder / "loss.png")
    card = folder / "README.md"
    taught = preference_text(preferred[-1]) if preferred else NOT_TAUGHT
    card.write_text(card_text(records, folder, found, heard, valued, taught), encoding="utf-8")
    return card


def verify(folder: Path) -> list[str]:
    """Compare every file of a packed model with fabula.json and the card; returns the names of the files compared.

    Raises ``InputError`` that names what is missing or differs.
    """
    try:
        parts: dict[str, str] = json.loads((folder / "fabula.json").read_text())["parts"]
        card = dict(_HASH_LINE.findall((folder / "README.md").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} is not a packed model with a card ({error!r}).") from error
    found = {path.name: sha256(path) for path in _model_files(folder) if path.is_file()}
    faults = []
    for source, wanted in (("fabula.json", parts), ("the card", card)):
        faults += [f"{name} is missing" for name in wanted if name not in found]
        faults += [f"{name} differs from {source}" for name in wanted if name in found and found[name] != wanted[name]]
    faults += [f"{name} is not on the card" for name in found if name not in card]
    if faults:
        raise InputError(f"{folder} is not the model that was made: {'; '.join(dict.fromkeys(faults))}.")
    return sorted(found)
