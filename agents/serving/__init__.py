"""Serving a model and the roles' adapters with vLLM: what to serve (``models``), with which flags (``flags``), the server
as a process (``process``), and what its failures mean (``failures``).

vLLM itself is never imported: it runs under a Python of its own, which may be another one than Fabula's.
"""
