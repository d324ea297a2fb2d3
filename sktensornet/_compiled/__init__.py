"""All that needs numba; nothing else does."""
