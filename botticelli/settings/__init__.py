"""The settings: defaults < botticelli.toml < environment < flags, merged once at the edge into one frozen object."""

from botticelli.settings.home import find_home
from botticelli.settings.model import DriverOptions, Limits, Provider, Settings, Tier, WindowSetting
from botticelli.settings.sources import in_plain_words, load_settings

__all__ = [
    "DriverOptions",
    "Limits",
    "Provider",
    "Settings",
    "Tier",
    "WindowSetting",
    "find_home",
    "in_plain_words",
    "load_settings",
]
