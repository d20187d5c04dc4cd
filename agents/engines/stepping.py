"""One vLLM in this process, shared by many callers: a thread owns it and steps it, so that all calls form one batch.

vLLM's own ``LLM.generate`` takes one batch at a time and is not safe to call from several threads. Invariant: every call
ends, with its outputs or with an exception, whatever happens to vLLM, to the other calls or to the thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from prompts.errors import EngineError

_CLOSED = "The offline engine was closed; open a new one."
_JOIN_SECONDS = 60.0


@dataclass
class _Call:
    """What one caller asked for. ``outputs`` gets what vLLM gives, or the exception that ends the call."""

    prompt: Any
    params: Any
    lora: Any = None
    outputs: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    given_up: bool = False


class Stepper:
    """``build`` makes a ``vllm.LLM``; it runs in the thread that will own it, since CPU kernels bind threads when they start.

    Raises whatever ``build`` raises.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._arrivals: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._built: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._own, args=(build,), name="vllm", daemon=True)
        self._thread.start()
        built = self._built.get()
        if isinstance(built, BaseException):
            self._thread.join()
            raise built
        self.tokenizer: Any = built

    def ask(self, prompt: Any, params: Any, lora: Any = None) -> Generator[Any, None, None]:
        """The ``RequestOutput``s of one request as they come; the last one is finished. Ending early gives the request up.

        ``lora`` is a ``LoRARequest`` for the adapter to draw with.

        Raises ``EngineError`` when the engine is closed meanwhile, and vLLM's own exceptions.
        """
        call = _Call(prompt, params, lora)
        with self._lock:
            if not self._open:
                raise EngineError(_CLOSED)
            self._arrivals.put(call)
        try:
            while True:
                output = call.outputs.get()
                if isinstance(output, BaseException):
                    raise output
                yield output
                if output.finished:
                    return
        finally:
            call.given_up = True

    def close(self) -> None:
        """End the thread and free vLLM; calls in flight fail."""
        with self._lock:
            if self._open:
                self._open = False
                self._arrivals.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_SECONDS)

    def _own(self, build: Callable[[], Any]) -> None:
        try:
            llm = build()
            self._built.put(llm.get_tokenizer())
        except BaseException as error:  # it is raised again where the engine was opened
            self._built.put(error)
            return
        flying: dict[str, tuple[str, _Call]] = {}
        failure: BaseException = EngineError(_CLOSED)
        try:
            self._step(llm.llm_engine, flying)
        except BaseException as error:  # every caller is told
            failure = error
        with self._lock:
            self._open = False
        for _, call in flying.values():
            call.outputs.put(failure)
        while not self._arrivals.empty():
            if (waiting := self._arrivals.get()) is not None:
                waiting.outputs.put(failure)

    def _step(self, engine: Any, flying: dict[str, tuple[str, _Call]]) -> None:
        """Run until ``close``. ``flying`` maps the number that a call was given to vLLM's name for it and the call."""
        count = 0
        while True:
            while not flying or not self._arrivals.empty():
                call = self._arrivals.get()
                if call is None:
                    engine.abort_request([name for name, _ in flying.values()], internal=True)
                    return
                count += 1
                try:
                    name = engine.add_request(str(count), call.prompt, call.params, lora_request=call.lora)
                    flying[str(count)] = (name, call)
                except Exception as error:  # only this request cannot be served
                    call.outputs.put(error)
            for output in engine.step():
                if output.request_id in flying:
                    flying[output.request_id][1].outputs.put(output)
                    if output.finished:
                        del flying[output.request_id]
            gone = {number: name for number, (name, call) in flying.items() if call.given_up}
            if gone:
                engine.abort_request(list(gone.values()), internal=True)
                for number in gone:
                    del flying[number]
