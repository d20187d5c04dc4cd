"""How every benchmark ends: a line for each goal, and exit code 1 when one is short."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """Collects goals; ``at_most`` and ``at_least`` say which way is good."""

    name: str
    short: list[str] = field(default_factory=list)

    def at_most(self, what: str, figure: float, goal: float, unit: str = "") -> None:
        self._line(what, figure, goal, unit, figure <= goal)

    def at_least(self, what: str, figure: float, goal: float, unit: str = "") -> None:
        self._line(what, figure, goal, unit, figure >= goal)

    def missing(self, what: str) -> None:
        """A goal that could not be measured is short."""
        print(f"{self.name} {what}: not measured, short", flush=True)
        self.short.append(what)

    def _line(self, what: str, figure: float, goal: float, unit: str, good: bool) -> None:
        suffix = f" {unit}" if unit else ""
        print(
            f"{self.name} {what}: {figure:.3g}{suffix} (goal {goal:g}{suffix}) {'ok' if good else 'short'}", flush=True
        )
        if not good:
            self.short.append(what)

    def exit_code(self) -> int:
        return 1 if self.short else 0
