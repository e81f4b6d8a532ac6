"""What is asked of layers of vehicles: how many where, how dense, what has changed, which."""
