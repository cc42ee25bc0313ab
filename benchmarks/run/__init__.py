"""nbdash beside its peers, in one run on two processors: ``python -m benchmarks.run``.

Each module of measures has one function that returns samples: of each contender as many as there are rounds, and
within a round one contender after the other, so that what else the machine does meets them alike.  The peers, and
the notebooks' libraries, are installed into an environment of their own; nbdash runs the notebooks with that
Python too.  A run writes its samples to a file, and the page is made of that file alone.
"""
