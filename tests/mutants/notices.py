"""Changes that switch off what makes notices arrive: once under one id, and only where they may go."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

NOTICES_TESTS = "tests/integration/notices/"
QUERIES = "botticelli/store/queries/"

NOTICES = (
    Mutant(
        "signature of a webhook",
        "botticelli/security/webhook_signatures.py",
        "    return any(matches)",
        "    return True",
        ("tests/unit/security/test_webhook_signatures.py", "-k", "ten_thousand"),
    ),
    Mutant(
        "one thread of deliveries for each target",
        QUERIES + "hold_notice_target.sql",
        "    and (held_until is null or held_until <= now() or holder = :holder)\n",
        "",
        (NOTICES_TESTS + "test_delivery.py", "-k", "held_by_one_thread"),
    ),
    Mutant(
        "redirects are not followed and no success",
        "botticelli/notices/send_web.py",
        "    if 200 <= status < 300:",
        "    if 200 <= status < 400:",
        (NOTICES_TESTS + "test_delivery.py", "-k", "redirect"),
    ),
    Mutant(
        "private networks are refused",
        "botticelli/security/safe_fetch.py",
        "    if not allow_private:",
        "    if False:",
        ("tests/unit/security/test_safe_post.py",),
    ),
    Mutant(
        "a wait that the receiver asks for",
        "botticelli/notices/deliverer.py",
        "elif retry_after_seconds:",
        "elif False:",
        (NOTICES_TESTS + "test_delivery.py", "-k", "retry_after"),
    ),
    Mutant(
        "a target that fails for 75 hours is switched off",
        "botticelli/notices/deliverer.py",
        "            if off_reason is not None:\n                tx.",
        "            if False:\n                tx.",
        (NOTICES_TESTS + "test_delivery.py", "-k", "keeps_its_id"),
    ),
    Mutant(
        "one notice for each threshold and period",
        "botticelli/notices/budget_thresholds.py",
        "key=key, ",
        "",
        (NOTICES_TESTS + "test_found_events.py", "-k", "each_threshold"),
    ),
)
