"""`botticelli narrative`: list, check, show, begin and rewrite narrative files."""
