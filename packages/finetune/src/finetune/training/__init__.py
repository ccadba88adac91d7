"""Around a training: runs and their folders, memory, the learning rate, what goes wrong."""
