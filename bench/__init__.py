"""The promised numbers, each a ratio to a bare baseline that is measured in the same run."""
