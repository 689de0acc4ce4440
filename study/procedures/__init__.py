"""What workers run: pure functions of a trial, named by ``Trial.procedure``.

``(trial, context) -> Outcome``. A procedure draws nothing and writes nothing; it reports its
progress and returns what it found.
"""
