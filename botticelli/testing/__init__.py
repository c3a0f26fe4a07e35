"""Conformance suites that every implementation of a Botticelli protocol has to pass; pytest, `botticelli[testing]`."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{suite}"
        for suite in ("budget_base", "budget_draws", "budget_loss", "budget_tickets", "budget_windows")
    )
)
