"""Finding drivers and platforms by entry point."""

from __future__ import annotations

import pytest

from botticelli.drivers import Drivers, ModelName
from botticelli.errors import InvalidInput, SettingsError
from botticelli.platforms import Platforms
from botticelli.platforms.echo import EchoPlatform
from botticelli.settings.definitions import PlatformSettings


def test_models_are_resolved_with_and_without_their_provider() -> None:
    drivers = Drivers({})
    assert drivers.resolve("echo/anything") == ModelName("echo", "anything")
    assert drivers.resolve("echo") == ModelName("echo", "echo")
    assert drivers.get("echo") is drivers.get("echo")


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("gemini/models/gemini-3.8-flash", "gemini/gemini-3.8-flash"),
        ("gemini//gemini-3.8-flash/", "gemini/gemini-3.8-flash"),
        ("models/gemini-3.8-flash", "gemini/gemini-3.8-flash"),
        ("gemini/publishers/google/models/gemini-3.8-flash", "gemini/gemini-3.8-flash"),
        ("gemini/projects/p-1/locations/eu/publishers/google/models/gemini-3.8-flash", "gemini/gemini-3.8-flash"),
        (" Gemini / Gemini-3.8-Flash\n", "gemini/gemini-3.8-flash"),
        ("GEMINI/MODELS/GEMINI-3.8-FLASH", "gemini/gemini-3.8-flash"),
        ("gemini-3.8-FLASH", "gemini/gemini-3.8-flash"),
        ("gemini/tunedModels/Mine", "gemini/tunedModels/Mine"),
        ("Anthropic/Claude-Sonnet-5-5", "anthropic/claude-sonnet-5-5"),
        ("openai/GPT-6-Luna ", "openai/gpt-6-luna"),
        ("openai/openai/gpt-6-luna", "openai/openai/gpt-6-luna"),
        ("openai/ft:gpt-6-luna:Org::Ab", "openai/ft:gpt-6-luna:Org::Ab"),
        ("openai-compatible/Meta/Llama-3", "openai-compatible/Meta/Llama-3"),
    ],
)
def test_spellings_of_model_have_one_name(spelled: str, name: str) -> None:
    assert str(Drivers({}).resolve(spelled)) == name


@pytest.mark.parametrize(
    ("model", "said"),
    [("ecko/x", "did you mean 'echo'"), ("gpt", "installed drivers: anthropic, echo"), ("/", "'/'")],
)
def test_models_that_nobody_answers_for(model: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Drivers({}).resolve(model)


def test_a_driver_gets_its_options() -> None:
    with pytest.raises(SettingsError, match="latency"):
        Drivers({"echo": {"latency": 1}}).get("echo")


def test_discord_is_real_unless_somebody_wants_a_rehearsal() -> None:
    assert not Platforms({}).get("discord").is_rehearsal
    assert Platforms({}).get("discord", rehearse=True).is_rehearsal
    assert Platforms({"discord": PlatformSettings(implementation="echo")}).get("discord").is_rehearsal
    with pytest.raises(InvalidInput, match="unknown platform 'matrix'"):
        Platforms({}).get("matrix")
    with pytest.raises(InvalidInput, match=r"\[platforms.discord\] implementation"):
        Platforms({"discord": PlatformSettings(implementation="real")}).get("discord")
    assert Platforms({"matrix": PlatformSettings()}).get("matrix").name == "matrix"


def test_rehearsed_object_of_another_platform_keeps_its_id() -> None:
    platform = EchoPlatform("matrix", {})
    first = platform.execute("channels.create", {"guild_id": "1", "name": "welcome"}, "key one")
    again = platform.execute("channels.create", {"guild_id": "1", "name": "welcome"}, "key two")
    other = platform.execute("channels.create", {"guild_id": "2", "name": "welcome"}, "key one")
    assert first.captured_ids == again.captured_ids != other.captured_ids
    assert first.captured_ids["channel_id"].isdigit()


def test_commands_that_read_have_no_effect() -> None:
    platform = EchoPlatform("discord", {})
    reading, writing = platform.spec("channels.list"), platform.spec("channels.delete")
    assert reading is not None and writing is not None
    assert (reading.writes, writing.writes) == (False, True)
    assert platform.spec("nonsense") is None
