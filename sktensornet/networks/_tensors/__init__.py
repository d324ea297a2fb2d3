"""What is asked of a weight tensor."""
