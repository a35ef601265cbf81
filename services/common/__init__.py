"""What two services need, and nothing about one of them alone."""
