"""The language as data: the keys of every table, what their values may be, and the media formats that are known."""
