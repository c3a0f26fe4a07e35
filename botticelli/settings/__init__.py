"""Loads the settings: defaults < botticelli.toml < environment < flags, merged once into one frozen object.

Names are loaded on first use, so that shell completion finds the data directory without loading the models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.settings.definitions import (
        DriverOptions,
        Limits,
        ModelLimits,
        Provider,
        Settings,
        Tier,
        WindowSetting,
    )
    from botticelli.settings.explain import did_you_mean, in_plain_words
    from botticelli.settings.home import find_home
    from botticelli.settings.published_limits import published_limits, published_providers
    from botticelli.settings.sources.founding_settings import foreign_providers
    from botticelli.settings.sources.merging import convert_settings, load_settings
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
    "foreign_providers",
    "http_url",
    "in_plain_words",
    "load_settings",
    "published_limits",
    "published_providers",
    "shown_url",
]

make_lazy(
    __name__,
    {
        "DriverOptions": "definitions",
        "Limits": "definitions",
        "ModelLimits": "definitions",
        "Provider": "definitions",
        "Settings": "definitions",
        "Tier": "definitions",
        "WindowSetting": "definitions",
        "convert_settings": "sources.merging",
        "did_you_mean": "explain",
        "find_home": "home",
        "foreign_providers": "sources.founding_settings",
        "in_plain_words": "explain",
        "load_settings": "sources.merging",
        "published_limits": "published_limits",
        "published_providers": "published_limits",
        "CheckedUrl": "urls",
        "UrlFault": "urls",
        "checked_url": "urls",
        "http_url": "urls",
        "shown_url": "urls",
    },
)
