"""The Budget in the memory of one process, with any clock: for plans and tests.

Every rule of redis/lua/ is here a second time in plain Python; one conformance suite holds both to the same answers.
"""
