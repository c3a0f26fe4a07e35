"""Provides test suites and fake servers for implementations of Botticelli's protocols; needs `botticelli[testing]`.

Every budget, driver and platform passes its conformance suite. The fake servers speak the wire protocols of Gemini,
Anthropic, OpenAI and Discord.
"""

import pytest

SUITES = ("base", "draws", "kinds", "metrics", "queue", "tickets", "windows")
pytest.register_assert_rewrite(*(f"{__name__}.budget_cases.budget_{suite}" for suite in SUITES))
pytest.register_assert_rewrite(f"{__name__}.budget_loss", f"{__name__}.platforms")
