"""Notebooks that nobody here wrote, taken the way a user takes them: published with ``nbdash publish``, looked
at over HTTP, rerun; and beside that what nbclient makes of them in a Jupyter kernel.

Run it from a checkout, in an environment of its own with nbdash and the packages that the notebooks use:

    python -m venv /path/to/env && /path/to/env/bin/pip install -e . matplotlib scikit-learn scipy \\
        pandas pypi-simple seaborn lmfit papermill
    /path/to/env/bin/python -m benchmarks.fidelity --folder /path/to/sdists --write docs/fidelity.md

``--folder`` holds source distributions (``*.tar.gz``); those of ``--packages`` that are not there are
downloaded into it.  It takes about a quarter of an hour on two processors.
"""
