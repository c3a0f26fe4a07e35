"""Follows the gates that have acts before them performed again: which acts, how often, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from botticelli.narrative.model import Act


def answers_per_turn(acts: Sequence[Act], position: int) -> int:
    """Return how many answers of an act one turn may ask for: the attempts of its gate and of all that redo it."""
    gates = (acts[place].gate for place in _gates_around(acts, position))
    return prod(int(gate.attempts) for gate in gates if gate is not None)


def is_redone(acts: Sequence[Act], position: int) -> bool:
    """Tell whether an act may be performed again because the gate of a later act, or its own, went back."""
    return any(loop_start(acts, gate) < gate for gate in _gates_around(acts, position))


def loop_end(acts: Sequence[Act], position: int) -> int:
    """Return the position at which the act's answer is accepted for good: that of the last gate that may redo it."""
    return max(_gates_around(acts, position), default=position)


def loop_start(acts: Sequence[Act], position: int) -> int:
    """Return the position from which on the gate of an act has everything performed again; its own without one."""
    gate = acts[position].gate
    return position - (gate.back if gate else 0)


def _gates_around(acts: Sequence[Act], position: int) -> list[int]:
    later = range(position, len(acts))
    return [place for place in later if acts[place].gate and loop_start(acts, place) <= position]
