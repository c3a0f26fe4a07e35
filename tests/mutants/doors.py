"""Changes that switch off what guards the HTTP door: signatures, replay windows, tenants, and requests made once."""

from __future__ import annotations

from tests.mutants.mutation import Mutant

SIGNATURES = "botticelli/webhooks/signatures.py"
HTTP_TESTS = "tests/integration/http/"

DOORS = (
    Mutant(
        "signature of a webhook that arrives",
        SIGNATURES,
        "    if not _VERIFIERS[kind](incoming, secrets):",
        "    if not _VERIFIERS[kind](incoming, secrets) and False:",
        ("tests/unit/webhooks/test_signatures.py", "-k", "forged"),
    ),
    Mutant(
        "replay window of a webhook",
        SIGNATURES,
        "check_time(text, TOLERANCE_SECONDS, self.now, name=name)",
        "check_time(text, 10**12, self.now, name=name)",
        ("tests/unit/webhooks/test_signatures.py", "-k", "forged"),
    ),
    Mutant(
        "role of a tenant's transactions",
        "botticelli/store/connection/tenant_role.py",
        ", set_config('role', :role, true)",
        ", cast(:role as text)",
        (HTTP_TESTS + "test_all_routes.py", "-k", "finds_nothing_of_another"),
    ),
    Mutant(
        "a repeated request is answered, not performed",
        "botticelli/http/access/idempotency.py",
        "        if not stored.is_mine:",
        "        if not stored.is_mine and False:",
        (HTTP_TESTS + "test_runs.py", "-k", "repeated"),
    ),
    Mutant(
        "a key belongs to one request",
        "botticelli/http/access/idempotency.py",
        "stored.request_sha256 != sha256:",
        "False:",
        (HTTP_TESTS + "test_runs.py", "-k", "repeated"),
    ),
)
