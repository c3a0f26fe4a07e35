"""Conformance suites that every implementation of a Botticelli protocol has to pass; pytest, `botticelli[testing]`."""

import pytest

SUITES = ("base", "draws", "kinds", "metrics", "queue", "tickets", "windows")
pytest.register_assert_rewrite(*(f"{__name__}.budget_cases.budget_{suite}" for suite in SUITES))
pytest.register_assert_rewrite(f"{__name__}.budget_loss", f"{__name__}.platforms")
