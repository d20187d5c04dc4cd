"""The two themes: ink on paper, and lamplight."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="fabula-dark", dark=True, primary="#d8a657", secondary="#7daea3", accent="#e78a4e", foreground="#d9d2c3",
    background="#16171a", surface="#1c1e22", panel="#25282d", success="#a9b665", warning="#e5c07b", error="#ea6962",
    variables={"border": "#4a4d52", "footer-key-foreground": "#d8a657", "block-cursor-text-style": "none",
               "block-cursor-background": "#4a3c22", "block-cursor-foreground": "#f3ecdd",
               "block-cursor-blurred-background": "#352f24", "block-cursor-blurred-foreground": "#f3ecdd"},
)  # fmt: skip
LIGHT = Theme(
    name="fabula-light", dark=False, primary="#8a4b12", secondary="#2f6b6b", accent="#a04816", foreground="#2b2622",
    background="#f7f2e8", surface="#efe8da", panel="#e5dccb", success="#4d6b1f", warning="#8a6100", error="#a3261c",
    variables={"border": "#bfb29a", "footer-key-foreground": "#8a4b12", "block-cursor-text-style": "none",
               "block-cursor-background": "#ecd9b4", "block-cursor-foreground": "#1d1916",
               "block-cursor-blurred-background": "#ece0c8", "block-cursor-blurred-foreground": "#1d1916"},
)  # fmt: skip
