"""What keeps the repository true: generators of reference pages."""
