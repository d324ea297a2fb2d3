"""What X, y and weights mean."""
