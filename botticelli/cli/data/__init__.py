"""`botticelli state`, `content` and `db`: what is stored, and the schema that it is stored in."""
