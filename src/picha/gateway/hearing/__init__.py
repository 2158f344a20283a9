"""What Meta tells us: verify, keep, answer 200; then understand."""
