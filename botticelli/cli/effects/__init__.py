"""`botticelli effects`: what bot commands did outside, and the approval of those that wait for it."""
