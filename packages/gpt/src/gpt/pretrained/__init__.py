"""Models from elsewhere in our architecture, and ours written for elsewhere."""
