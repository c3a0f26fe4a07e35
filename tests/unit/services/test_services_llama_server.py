"""How many threads the language model's server takes of a machine."""

from __future__ import annotations

from botticelli.services.language_model.llama_server import threads


def test_llama_server_leaves_processors_to_the_clients() -> None:
    for processors in range(2, 65):
        assert 1 <= threads(processors) <= processors / 2
    assert threads(1) == 1
