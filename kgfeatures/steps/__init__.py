"""The verbs of the product, one per file: read, compute, publish, record the run."""
