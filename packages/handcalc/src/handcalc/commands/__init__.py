"""What can be typed after `handcalc`."""
