"""The outline of a file: which narratives are in it, whichever way its acts are written, and what older forms mean."""
