"""Conformance suites that every implementation of a Botticelli protocol has to pass; pytest, `botticelli[testing]`."""

import pytest

SUITES = ("base", "draws", "kinds", "loss", "metrics", "queue", "tickets", "windows")
pytest.register_assert_rewrite(*(f"{__name__}.budget_{suite}" for suite in SUITES), f"{__name__}.platforms")
