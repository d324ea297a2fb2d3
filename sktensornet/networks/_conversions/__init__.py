"""From one format to another, and to and from TensorLy."""
