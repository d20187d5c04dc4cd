"""One line of ``fabula doctor``'s report, and how a thing is tried without the report ever breaking off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from prompts.errors import FabulaError

State = Literal["ok", "off", "bad"]


@dataclass(frozen=True)
class Check:
    """``off`` is something optional that is not there; ``todo`` says how to change it."""

    name: str
    state: State
    says: str
    todo: str = ""


def tried(name: str, check: Callable[[], Check]) -> Check:
    """What ``check`` finds; that it raised is a finding too."""
    try:
        return check()
    except FabulaError as error:
        return Check(name, "bad", str(error))
    except Exception as error:  # whatever else is wrong with the installation: the report goes on
        return Check(
            name, "bad", f"{type(error).__name__}: {error}", "Install Fabula anew; if that does not help, report this."
        )
