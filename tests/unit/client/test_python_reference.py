"""The page of the Python API is made from the docstrings, and names everything that programs may use."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from botticelli import client
from botticelli.client.python_reference import GROUPS, INPUTS, RESULTS, page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "python.md"
METHODS = [name for name in dir(client.Client) if not name.startswith("_")]


def test_page_is_made_from_the_docstrings() -> None:
    """It is written by `python -m botticelli.client.python_reference > docs/reference/python.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_page_has_every_public_name() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == METHODS
    assert {*INPUTS, *RESULTS, "Client", "RunHandle", "WaitTimeout"} == set(client.__all__)


@pytest.mark.parametrize("name", METHODS)
def test_method_has_an_example_and_typed_values(name: str) -> None:
    method = getattr(client.Client, name)
    signature = inspect.signature(method)
    types = [signature.return_annotation, *(parameter.annotation for parameter in signature.parameters.values())]
    assert "Any" not in " ".join(map(str, types))
    assert name == "close" or f"client.{name}(" in (method.__doc__ or "")


def test_handle_has_the_methods_of_the_client_that_are_about_one_run() -> None:
    """Each has the parameters of the client's method, without the id."""
    for name, method in inspect.getmembers(client.RunHandle, inspect.isfunction):
        if not name.startswith("_"):
            own = [*inspect.signature(method).parameters.values()][1:]
            those = [*inspect.signature(getattr(client.Client, name)).parameters.values()][2:]
            assert list(map(str, own)) == list(map(str, those)), name
    about_runs = {name for name in METHODS if "run_id" in inspect.signature(getattr(client.Client, name)).parameters}
    assert about_runs - {"get"} == {name for name in vars(client.RunHandle) if not name.startswith("_")}
