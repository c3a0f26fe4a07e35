"""What happens inside a worker: messages become performed iterations, and what was interrupted is recovered.

handlers.py is the way in, called by the tasks.
"""
