"""What the bundled model is worth, measured on what it never saw: ``make bench-model``.

    python -m benchmarks.model [--stories 20] [--pairs 50] [--rows 150] [--work runs] [--json FILE]

Perplexity per word of every stage that is at hand and of the shipped weights, on held-out premises of our own stories and on
held-out TinyStories; the summarizer's ROUGE and faithfulness; stories of ten paragraphs planned by Fabula beside the same model
simply continued from the premise: strangers, repetition, made-up words, sentences that a grammar checker flags, endings. Some
pairs are written down for blind reading. Invariant: everything is computed from the weights in the run; a stage whose weights
are not here, or a checker that isn't installed, is said to be missing and counts as short where it has a goal.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents.engines.embedded import BUNDLED, EmbeddedEngine
from benchmarks import grammar, model_blind, model_roles, model_stories
from benchmarks.diversity_judge import exact_engine
from benchmarks.model_stories import Told
from benchmarks.report import Report
from finetune.records import checkpoints, finished
from finetune.whole import write_whole
from prompts.errors import FabulaError

PLAIN: Final = "plain"
"""The run of a model of the same size that was fine-tuned on the same stories as mere text."""
PREFERRED: Final = "ddpo"
"""The run that went on from the last stage with DDPO."""
SHIPPED: Final = "as shipped"
FAITHFUL, KEPT, ENDED, SPREAD = 0.03, 0.95, 1.0, 1.25


def stages(work: Path) -> list[Path]:
    """The stages that have weights, in order; one that was cut short has those of its last checkpoint."""
    found = sorted(run for run in work.glob("stage*") if run.is_dir() and (finished(run) or checkpoints(run)))
    if any(not (run / "model" / "config.json").is_file() for run in found):
        from finetune.pretrain import whole_model

        for run in found:
            whole_model(run)
    return found


def perplexities(work: Path, most: int) -> dict[str, dict[str, float]]:
    """Per word, by model and held-out set. A stage is measured where its run is finished and its weights are there."""
    sets = {"own stories": model_roles.own_held(), "TinyStories": model_roles.tiny_held(work)}
    asked = {name: model_roles.paragraph_rows(stories, most) for name, stories in sets.items() if stories}
    runs = [*stages(work), work / PLAIN]
    found: dict[str, dict[str, float]] = {}
    for name, folder in {**{run.name: run / "model" for run in runs}, SHIPPED: BUNDLED}.items():
        if not (folder / "config.json").is_file():
            continue
        engine = EmbeddedEngine() if folder == BUNDLED else exact_engine(folder)
        found[name] = {
            key: model_roles.word_perplexity(engine, given, text_alone=name == PLAIN) for key, given in asked.items()
        }
        engine.close()
        print(f"perplexity per word, {name}: " + ", ".join(f"{k} {v:.1f}" for k, v in found[name].items()), flush=True)
    return found


def varied(work: Path, most: int) -> dict[str, dict[str, float]]:
    """Diversity and quality of the texts of the supervised stage that DDPO went on from and of what it made, if both are here."""
    from benchmarks.model_spread import spread_of

    preferred = work / PREFERRED
    if not (preferred / "run.json").is_file():
        return {}
    base = Path(json.loads((preferred / "run.json").read_text(encoding="utf-8"))["recipe"]["base"])
    folders = {"SFT": work / base.parent.name / base.name, "DDPO": preferred / "model"}
    if not all((folder / "config.json").is_file() for folder in folders.values()):
        return {}
    asked = model_roles.paragraph_rows(model_roles.own_held(), most)
    judge, found = exact_engine(folders["SFT"]), {}
    for name, folder in folders.items():
        engine = exact_engine(folder)
        found[name] = spread_of(engine, judge, asked, work)
        engine.close()
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in found[name].items()), flush=True)
    judge.close()
    return found


def measures(stories: list[Told]) -> dict[str, float]:
    """Means over stories; shares are 0 to 1."""
    count = len(stories)
    found = {
        "no stranger": sum(not model_stories.strangers(story) for story in stories) / count,
        "repetition": sum(model_stories.repeated(story) for story in stories) / count,
        "made-up words a story": sum(model_stories.made_up(story) for story in stories) / count,
        "words a story": sum(len(text.split()) for text in model_stories.texts_of(stories)) / count,
        "ended": sum(story.ended for story in stories) / count,
    }
    if grammar.available():
        total, faulty, _ = grammar.flagged(model_stories.texts_of(stories))
        found["sentences flagged"] = faulty / max(1, total)
    return found


def run(options: argparse.Namespace) -> int:
    found: dict[str, Any] = {"perplexity per word": perplexities(options.work, options.rows)}
    engine = EmbeddedEngine()
    notes = model_roles.notes(engine, options.rows)
    found["summarizer"] = {**notes.rouge(), "unfaithful": notes.unfaithful / max(1, len(notes.made))}
    print("summarizer: " + ", ".join(f"{k} {v:.3f}" for k, v in found["summarizer"].items()), flush=True)
    found["diversity"] = varied(options.work, max(8, options.rows // 6))
    pairs = []
    for pair in model_stories.planned_and_continued(engine, max(options.stories, options.pairs)):
        pairs.append(pair)
        print(f"story {len(pairs)}: {pair[0].title}", flush=True)
    engine.close()
    if options.pairs:
        print(f"for blind reading: {model_blind.write_pairs(options.work / 'blind', pairs[: options.pairs])}")
    for name, side in (("planned", 0), ("continued", 1)):
        found[name] = measures([pair[side] for pair in pairs])
    print(f"\n{'':24}{'planned':>10}{'continued':>10}")
    for key in found["planned"]:
        print(f"{key:24}{found['planned'][key]:>10.3f}{found['continued'][key]:>10.3f}")
    if options.json:
        write_whole(options.json, json.dumps(found, indent=1) + "\n")
    print()
    report = Report("model")
    report.at_most("notes that say what no text says", found["summarizer"]["unfaithful"], FAITHFUL)
    report.at_least("stories without a stranger", found["planned"]["no stranger"], KEPT)
    report.at_least("stories that end", found["planned"]["ended"], ENDED)
    if "sentences flagged" in found["planned"]:
        ratio = found["planned"]["sentences flagged"] / max(1e-9, found["continued"]["sentences flagged"])
        report.at_most("sentences flagged, planned by continued", ratio, 1.0)
    else:
        report.missing("sentences flagged: the grammar checker is not installed")
    if PLAIN in found["perplexity per word"]:
        shipped, plain = (found["perplexity per word"][name]["own stories"] for name in (SHIPPED, PLAIN))
        report.at_most("perplexity on own stories by that of a plain fine-tune", shipped / plain, 1.0)
    else:
        report.missing(f"a plain fine-tune to compare with: there is no {options.work / PLAIN}")
    if spread := found["diversity"]:
        before, after = spread["SFT"], spread["DDPO"]
        for key in ("semantic", "style"):
            report.at_least(f"{key} distance, DDPO by SFT", after[key] / before[key], SPREAD)
        report.at_least("quality, DDPO by SFT", after["quality"] / before["quality"], 0.98)
    else:
        report.missing(f"diversity of SFT against DDPO: there is no {options.work / PREFERRED}")
    return report.exit_code()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What the bundled model is worth, on what it never saw.")
    parser.add_argument("--stories", type=int, default=20, help="premises to write to")
    parser.add_argument("--pairs", type=int, default=50, help="pairs for blind reading")
    parser.add_argument("--rows", type=int, default=150, help="held-out paragraphs of each set")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="where the stages lie, and the pairs go")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    try:
        return run(parser.parse_args(arguments))
    except FabulaError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
