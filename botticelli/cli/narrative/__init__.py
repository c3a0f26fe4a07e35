"""`botticelli narrative`: list, check, show, create, convert and forget narratives.

Works on files; only `plan` and `forget` use the services.
"""
