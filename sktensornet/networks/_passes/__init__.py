"""Scores and their adjoint."""
