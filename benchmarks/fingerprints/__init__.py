"""How many figures of Matplotlib's gallery have a fingerprint, and whether equal ones are equal pictures."""
