"""The cases of the Budget's conformance suite, a clock that tests move, and a naive Budget to compare with."""
