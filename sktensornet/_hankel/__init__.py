"""Linear automata and the Hankel matrices of their functions: arrays in, arrays out."""
