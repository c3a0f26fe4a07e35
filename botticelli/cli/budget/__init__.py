"""`botticelli budget`: what is used, what is free and when, whether any limit was passed, and lower limits."""
