"""A little Discord: guilds, channels, messages and the rest as plain data, and what requests do to them. No network."""

from botticelli.platforms.discord.fake.router import BOT_ID, World

__all__ = ["BOT_ID", "World"]
