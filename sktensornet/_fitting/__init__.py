"""From parameters and data to a trained network."""
