"""A vLLM server's counts are read, summed and subtracted; a server that has none is no error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agents.engines.metrics import Counts, Meter, counts, read

TEXT = """\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="a {b}"} 1000.0
vllm:prefix_cache_queries_total{engine="1",model_name="a"} 1e3
vllm:prefix_cache_queries_created{engine="0",model_name="a"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="a"} 1500.0
vllm:prompt_tokens_total{engine="0",model_name="a"} 2100.0
vllm:generation_tokens_total 40.0 1700000000000
vllm:request_prompt_tokens_bucket{le="1.0"} 7.0
python_info{implementation="CPython"} 1.0
"""


class Metrics(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.text, self.status = text, status
        self.headers: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Metrics

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self.server.headers.append(self.headers["Authorization"])
        body = self.server.text.encode("utf-8", "surrogateescape") if self.path == "/metrics" else b""
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(text: str, status: int = 200) -> Iterator[Metrics]:
    server = Metrics(text, status)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lines(asked: int, hits: int) -> str:
    return f'vllm:prefix_cache_queries_total{{a="b"}} {asked}\nvllm:prefix_cache_hits_total{{a="b"}} {hits}\n'


def test_the_counts_of_all_models_are_summed_and_nothing_else_is_counted() -> None:
    assert read(TEXT) == Counts(asked=2000, remembered=1500, prompt=2100, written=40)


@pytest.mark.parametrize(
    "text", ["", "python_info 1.0\n", "<html>vllm:prompt_tokens_total</html>", "vllm:prompt_tokens_total e-e"]
)
def test_what_is_no_count_of_vllms_gives_none(text: str) -> None:
    assert read(text) is None


def test_a_meter_tells_what_was_counted_in_between_on_all_servers() -> None:
    with serving(lines(100, 50)) as one, serving(lines(0, 0)) as two:
        meter = Meter([one.url, two.url, one.url])
        one.text, two.text = lines(400, 250), lines(100, 100)
        assert meter.read() == Counts(asked=400, remembered=300)
        assert meter.says() == "prefix cache: 75 % of prompt tokens"
        assert {*one.headers, *two.headers} == {None}  # the key isn't sent


def test_nothing_is_said_when_nothing_was_asked_or_the_server_began_anew() -> None:
    with serving(lines(100, 50)) as server:
        meter = Meter([server.url])
        assert meter.says() == ""
        server.text = lines(10, 5)
        assert (meter.read(), meter.says()) == (None, "")


@pytest.mark.parametrize(("text", "status"), [(TEXT, 404), ("", 200), ("\udcff\udcfe", 200), (TEXT, 500)])
def test_a_server_that_has_no_counts_gives_none(text: str, status: int) -> None:
    with serving(text, status) as server:
        assert counts(server.url) is None
        assert Meter([server.url]).says() == ""


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "nonsense", "http://", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999/v1"]
)
def test_an_address_where_nobody_answers_gives_none(url: str) -> None:
    assert counts(url) is None
