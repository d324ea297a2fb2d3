"""Where training starts, one file for each start."""
