"""What people are shown of a trained network."""
