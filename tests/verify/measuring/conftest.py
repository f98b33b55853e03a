"""Workers that start at once."""

import multiprocessing

import pytest


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork workers from a process that has imported torch, which takes each new one seconds."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["verify.measuring.loop"])
    monkeypatch.setattr("multiprocessing.get_context", lambda _: server)
