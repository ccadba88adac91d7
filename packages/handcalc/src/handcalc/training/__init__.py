"""Moving the weights: `optimizers`."""
