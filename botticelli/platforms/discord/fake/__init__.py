"""Imitates Discord: guilds, channels and messages as plain data, and what requests do to them. No network."""

from botticelli.platforms.discord.fake.router import BOT_ID, World

__all__ = ["BOT_ID", "World"]
