"""Shifts all of Python's wall clocks in a process that runs START before it imports anything else.

The shift in seconds is read from the file named by BOTTICELLI_TEST_CLOCK at each look; 0 without it. Monotonic clocks
aren't shifted, as on a machine whose wall clock jumps.
"""

CLOCK = "BOTTICELLI_TEST_CLOCK"
"""The variable that names the file."""

START = '''
"""How the process begins: with wall clocks that are as wrong as a file says."""
import ctypes, datetime, gc, os, time

_time, _time_ns, _now = time.time, time.time_ns, datetime.datetime.now

def _shift():
    try:
        with open(os.environ["BOTTICELLI_TEST_CLOCK"]) as file:
            return float(file.read() or 0)
    except (KeyError, OSError, ValueError):
        return 0.0

def _shifted(tz=None):
    return _now(tz) + datetime.timedelta(seconds=_shift())

time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
# The type itself is changed: a type in its place would be another one for whoever compares types.
_dict = gc.get_referents(datetime.datetime.__dict__)[0]
_dict["now"] = staticmethod(_shifted)
_dict["utcnow"] = staticmethod(lambda: _shifted(datetime.timezone.utc).replace(tzinfo=None))
_dict["today"] = staticmethod(_shifted)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
'''
