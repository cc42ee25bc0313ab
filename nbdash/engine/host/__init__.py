"""What runs inside the notebook's own Python: zygote, keeper, run, shell, wire.

Loaded there under the private name ``_nbdash_host``, so that nothing of nbdash is on the author's
``sys.path``.  Only the standard library, IPython and matplotlib-inline (which IPython needs) are used;
Python 3.10 and IPython 8 are enough.

The processes, each the parent of the next::

    engine (nbdash) ── zygote ── keeper ── run ── whatever the cells start

The *zygote* has the libraries imported and only ever forks.  The *keeper* is the subreaper of one run:
every descendant of the run, however it detached itself, ends up under it, and it kills them all.
The *run* executes the cells.
"""
