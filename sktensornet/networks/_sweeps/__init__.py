"""Core after core: blocks, environments, sweeps."""
