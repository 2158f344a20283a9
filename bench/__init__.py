"""The promised numbers, each a ratio measured in one run."""
