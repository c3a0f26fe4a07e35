"""The settings: defaults < botticelli.toml < environment < flags, merged once at the edge into one frozen object."""

from botticelli.settings.explain import did_you_mean, in_plain_words
from botticelli.settings.home import find_home
from botticelli.settings.model import DriverOptions, Limits, ModelLimits, Provider, Settings, Tier, WindowSetting
from botticelli.settings.published import published_limits, published_providers
from botticelli.settings.sources import convert_settings, load_settings
from botticelli.settings.urls import CheckedUrl, UrlFault, checked_url, http_url, shown_url

__all__ = [
    "CheckedUrl",
    "DriverOptions",
    "Limits",
    "ModelLimits",
    "Provider",
    "Settings",
    "Tier",
    "UrlFault",
    "WindowSetting",
    "checked_url",
    "convert_settings",
    "did_you_mean",
    "find_home",
    "http_url",
    "in_plain_words",
    "load_settings",
    "published_limits",
    "published_providers",
    "shown_url",
]
