"""What runs in other interpreters, with a library's own older versions of things: these files alone, without Paceline.

`serving` is the loop, `configspaces` makes the space; each library has a file of its own. `elsewhere.py`, one folder up,
is the other end.
"""
