"""The methods of a client that read the effects of runs and decide on those that wait for approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from botticelli.client.client_session import Session

if TYPE_CHECKING:
    from botticelli.client.values import Effect
    from botticelli.statuses import Decision, EffectStatus


class EffectApprovals(Session):
    """Lists effects, and approves or rejects them."""

    def effects(self, run_id: str, statuses: Sequence[EffectStatus] = ()) -> list[Effect]:
        """Return the effects of a run in the order of their announcement.

            for effect in client.effects(run_id, ["waiting"]):
                print(effect.key, effect.command, dict(effect.args), effect.expires_at)

        `statuses` limits them to some (default: all). A run that does not exist has none.
        """
        with self._connected() as runtime, runtime.store.transaction() as tx:
            return tx.effects.of_run(run_id, *statuses)

    def approve(self, effect: str, *, reason: str = "", edits: Mapping[str, object] | None = None) -> bool:
        """Approve an effect: it is performed once, with exactly its arguments, and its run resumes.

            for effect in client.effects(run_id, ["waiting"]):
                client.approve(effect.key, reason="checked")

        `effect` is its key or a unique prefix of it. `edits` replace arguments by name: the effect keeps both, and what
        it then does is checked like the prepared one. Returns False when it was approved before. Raises NotFound for an
        unknown key, and InvalidInput for an effect that does not wait for approval or was rejected, and for edits that
        are not allowed.
        """
        return self._decide(effect, "approved", reason, edits)

    def reject(self, effect: str, *, reason: str = "") -> bool:
        """Reject an effect: it is not performed and its act fails.

            for effect in client.effects(run_id, ["waiting"]):
                client.reject(effect.key, reason="too loud")

        Arguments, result and errors are those of `approve`, but for `edits`.
        """
        return self._decide(effect, "rejected", reason)

    def _decide(self, effect: str, decision: Decision, reason: str, edits: Mapping[str, object] | None = None) -> bool:
        from botticelli.carousel import decide

        with self._connected() as runtime:
            return decide(runtime, effect, decision, self._actor(reason), edits=edits).changed
