"""Programs that benchmarks/run starts in the peers' own environment; they import nothing of nbdash."""
