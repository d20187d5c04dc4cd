"""The shape of the source: imports point down, heavy modules load only where they are used, files stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("planner", "agents", "prompts", "finetune")
HEAVY = {"torch", "onnxruntime", "vllm", "textual", "transformers"}
MAX_LINES = 320


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    assert found
    return found


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere below ``tree``, names from a package as modules of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def ours(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name for name in imported(tree) if name.split(".")[0] in {*PACKAGES, "cli", "benchmarks", "tests"}}


def within(name: str, *allowed: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


def breaches(paths: list[Path], *allowed: str) -> list[str]:
    return [
        f"{module(path)} imports {name}" for path in paths for name in sorted(ours(path)) if not within(name, *allowed)
    ]


def test_prompts_import_nothing_of_ours_but_themselves() -> None:
    assert breaches(sources("prompts"), "prompts") == []


def test_agents_know_of_the_planner_only_its_state() -> None:
    assert breaches(sources("agents"), "agents", "prompts", "planner.state") == []


def test_the_planner_knows_no_command_and_no_front_end() -> None:
    paths = [path for path in sources("planner") if not within(module(path), "planner.commands")]
    assert breaches(paths, "planner", "agents", "prompts") == []
    assert [f"{module(path)} imports {n}" for path in paths for n in ours(path) if within(n, "planner.commands")] == []


def test_the_commands_do_not_know_the_command_line() -> None:
    train = ROOT / "planner" / "commands" / "train.py"
    paths = sources("planner/commands")
    assert breaches([path for path in paths if path != train], "planner", "agents", "prompts") == []
    assert breaches([train], "planner", "agents", "prompts", "finetune") == []


def test_the_command_line_knows_only_the_commands() -> None:
    assert breaches([ROOT / "cli.py"], "planner.commands") == []


def test_only_the_train_command_knows_the_training() -> None:
    paths = [*sources("planner", "agents", "prompts"), ROOT / "cli.py"]
    assert [module(path) for path in paths if any(within(n, "finetune") for n in ours(path))] == [
        "planner.commands.train"
    ]


def test_heavy_modules_are_never_imported_at_the_top_of_a_module() -> None:
    def at_top(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from imported(node)
            elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
                yield from at_top([*node.body, *node.orelse])
            elif isinstance(node, ast.Try):
                yield from at_top([*node.body, *(stmt for h in node.handlers for stmt in h.body)])

    found = [
        f"{module(path)} imports {name}"
        for path in [*sources("planner", "agents", "prompts"), ROOT / "cli.py"]
        for name in at_top(ast.parse(path.read_text(encoding="utf-8")).body)
        if name.split(".")[0] in HEAVY and not (name.startswith("textual") and within(module(path), "planner.tui"))
    ]
    assert found == []


def test_only_its_command_knows_the_writing_room_and_loads_it_when_it_is_called() -> None:
    paths = [path for path in sources(*PACKAGES) if not within(module(path), "planner.tui")]
    knowing = {module(path) for path in paths if any(within(name, "planner.tui") for name in ours(path))}
    assert knowing == {"planner.commands.session"}


def test_the_command_line_starts_without_any_heavy_module() -> None:
    code = f"import sys, cli; print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tests"])
def test_files_stay_short(package: str) -> None:
    lengths = {module(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(package)}
    assert {name: count for name, count in lengths.items() if count > MAX_LINES} == {}
