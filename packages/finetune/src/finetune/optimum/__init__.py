"""A task so small that its best policy can be computed."""
