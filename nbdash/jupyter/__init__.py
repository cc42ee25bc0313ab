"""nbdash inside Jupyter: the ``%nbdash`` magic and the nbconvert exporter."""
