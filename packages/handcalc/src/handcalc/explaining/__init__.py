"""Where a number comes from: `expression` remembers it, `explain` tells it."""
