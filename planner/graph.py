"""The whole planner on one screen.

    START ─▶ premise ─▶ outline ─▶ generate ─▶ check ─▶ commit ─▶ summarize ─▶ END
                                    ▲  ▲          │                   │
                                    │  └─ revise ─┘                   │
                                    └──────── burst, in a batch ──────┘

One invoke writes one paragraph (in a batch a few, see ``Session.write_burst``): it enters at the first thing that is still
missing. ``check`` sends a draft with errors back at most ``revisions`` times; in a session ``commit`` interrupts for a
person's decision, else it takes the best draft. Invariant: a node returns only after everything that it paid for is
journalled, so any of them may be run again.
"""

from __future__ import annotations

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from planner import nodes
from planner.context import Context
from planner.state import StoryState

Planner = CompiledStateGraph[StoryState, Context, StoryState, StoryState]


def build(saver: BaseCheckpointSaver[str] | None = None) -> Planner:
    """Assemble the graph. Give a saver for the library's database to make it durable."""
    graph = StateGraph(StoryState, context_schema=Context)
    graph.add_node("premise", nodes.premise)
    graph.add_node("outline", nodes.outline)
    graph.add_node("generate", nodes.generate)
    graph.add_node("check", nodes.check)  # goes on to generate or commit: see its return type
    graph.add_node("commit", nodes.commit)  # goes on to summarize; to generate when a person wants another
    graph.add_node("summarize", nodes.summarize)  # goes on to generate or END

    graph.add_conditional_edges(START, nodes.enter, ["premise", "outline", "generate", END])
    graph.add_edge("premise", "outline")
    graph.add_edge("outline", "generate")
    graph.add_edge("generate", "check")
    return graph.compile(checkpointer=saver)
