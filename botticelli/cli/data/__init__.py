"""`botticelli state`, `content` and `db`: show and change stored data, and migrate the database schema.

Each module is one group of commands; state_file.py is the format of exports.
"""
