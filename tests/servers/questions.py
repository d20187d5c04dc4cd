"""What tests ask a real vLLM: a paragraph in the bundled model's own slots, and an answer in JSON."""

from __future__ import annotations

from typing import Any

PROMPT = (
    "<|write|><|tags|>fantasy, warm, third person, past<|cast|><she1> the <role1>, stubborn<|summary|><she1> came to "
    "<place1>.<|last|><she1> knocked.<|beat|>setup 2/8: <she1> looks for <item1> in <place1>.<|stage|><she1><|text|>"
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "tone": {"enum": ["eerie", "warm", "dry"]},
        "beats": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "string", "maxLength": 30}},
    },
    "required": ["title", "tone", "beats"],
    "additionalProperties": False,
}
