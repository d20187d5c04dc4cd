"""The sentences that say most of a text, found without a model.

Method: TextRank, Mihalcea and Tarau, "TextRank: Bringing Order into Text" (EMNLP 2004): sentences are the nodes of a graph,
the words that two share over the logarithms of their lengths the weight of the edge, and PageRank (damping 0.85) the score.
Invariant: what is given back are sentences of the text, in its order and in its words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import combinations

import networkx as nx
import numpy as np

from agents.text import sentences, stems

MOST = 200
"""Sentences that are compared with each other; of a longer text evenly spaced ones."""
_ROUNDS = 60
_SPEECH = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)['‘](?=[A-Z])[^\"“]*?[.,!?—-]['’](?!\w)")


def scores(texts: Sequence[str]) -> list[float]:
    """PageRank of each sentence, adding up to 1."""
    words = [stems(text) for text in texts]
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        shared = len(words[one] & words[other])
        length = math.log(max(len(words[one]), 2)) + math.log(max(len(words[other]), 2))
        if shared:
            graph.add_edge(one, other, weight=shared / length)
    matrix = np.asarray(nx.google_matrix(graph, alpha=0.85))
    ranks = np.full(len(texts), 1 / len(texts))
    for _ in range(_ROUNDS):
        ranks = ranks @ matrix
    return [float(rank) for rank in ranks]


def key_sentences(text: str, count: int = 1, longest: int = 30) -> list[str]:
    """The ``count`` best sentences of ``text``, in its order; those of more than ``longest`` words only if there is no other.

    Speech is passed over where anything is told beside it.
    """
    parts = sentences(text)
    if len(parts) > MOST:
        parts = [parts[i * len(parts) // MOST] for i in range(MOST)]
    told = _outside_speech(text, parts) or parts
    short = [part for part in told if 3 < len(part.split()) <= longest] or told
    if len(short) <= count:
        return short
    ranked = scores(short)
    best = sorted(range(len(short)), key=lambda i: (-ranked[i], i))[:count]
    return [short[i] for i in sorted(best)]


def _outside_speech(text: str, parts: Sequence[str]) -> list[str]:
    """The sentences that no speech reaches into."""
    said = [match.span() for match in _SPEECH.finditer(text)]
    told, end = [], 0
    for part in parts:
        start = text.index(part, end)
        end = start + len(part)
        if not any(begin < end and start < stop for begin, stop in said):
            told.append(part)
    return told
