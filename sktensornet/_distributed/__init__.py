"""Samples in the blocks of a dask array."""
