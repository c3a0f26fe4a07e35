"""Tests that a platform conforms to the protocol: subclass `PlatformConformance`, give it a platform, and run pytest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from botticelli.errors import PlatformError
from botticelli.platforms import (
    Catalogued,
    CommandOutput,
    EffectIntent,
    Platform,
    Resolves,
    check_arguments,
)


class PlatformConformance:
    """Conformance suite of platforms: override `platform`, and `write` and `read` for a different catalogue."""

    write: tuple[str, Mapping[str, Any]] = ("channels.create", {"guild_id": "1", "name": "conformance"})
    """A command that creates something, and its arguments."""
    read: tuple[str, Mapping[str, Any]] = ("channels.list", {"guild_id": "1"})
    """A command that changes nothing, and its arguments."""

    @pytest.fixture
    def platform(self) -> Platform:
        raise NotImplementedError

    def announced(self, key: str = "k1") -> EffectIntent:
        return EffectIntent(key, self.write[0], self.write[1], "run", "act", datetime.now(UTC))

    def perform(self, platform: Platform, announced: EffectIntent) -> CommandOutput:
        return platform.execute(announced.command, announced.args, announced.key, announced=announced)

    def test_spec_says_whether_a_command_writes(self, platform: Platform) -> None:
        written, read = platform.spec(self.write[0]), platform.spec(self.read[0])
        assert written is not None and read is not None
        assert (written.writes, read.writes) == (True, False)
        assert written.repeat in ("idempotent", "nonce", "lookup", "once")

    def test_unknown_command_has_no_spec(self, platform: Platform) -> None:
        assert platform.spec("nonsense") is None
        assert platform.spec("") is None

    def test_results_are_json_and_captured_ids_are_texts(self, platform: Platform) -> None:
        spec, output = platform.spec(self.write[0]), self.perform(platform, self.announced())
        assert output.success
        assert json.loads(json.dumps(output.data)) == output.data
        assert all(isinstance(captured, str) and captured for captured in output.captured_ids.values())
        if spec is not None and spec.captures is not None:
            assert f"{spec.captures}_id" in output.captured_ids

    def test_reading_needs_no_key(self, platform: Platform) -> None:
        assert platform.execute(*self.read, "").success

    def test_arguments_of_the_example_commands_are_valid(self, platform: Platform) -> None:
        for command, args in (self.write, self.read):
            spec = platform.spec(command)
            assert spec is not None
            assert check_arguments(spec, args).faults == []

    def test_repeated_command_resolves_to_its_effect_once(self, platform: Platform) -> None:
        spec, announced = platform.spec(self.write[0]), self.announced("k2")
        if not isinstance(platform, Resolves) or spec is None or spec.repeat not in ("nonce", "lookup"):
            return
        assert platform.resolve(replace(announced, repeated=True)) is None
        done = self.perform(platform, announced)
        resolved = platform.resolve(replace(announced, repeated=True))
        assert isinstance(resolved, CommandOutput)
        assert resolved.captured_ids == done.captured_ids
        taken = frozenset(done.captured_ids.values())
        assert platform.resolve(replace(announced, repeated=True, taken=taken)) is None

    def test_catalogue_lists_all_known_commands(self, platform: Platform) -> None:
        if not isinstance(platform, Catalogued):
            return
        commands = platform.commands()
        assert {self.write[0], self.read[0]} <= commands.keys()
        assert all(platform.spec(name) == spec for name, spec in commands.items())
        assert platform.suggestion(self.write[0] + "x") == self.write[0]

    def test_refused_command_is_a_platform_error(self, platform: Platform) -> None:
        with pytest.raises(PlatformError):
            platform.execute("no such command", {}, "k3")
