"""Model, objective and local problems: what solvers minimise."""
