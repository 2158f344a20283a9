"""What keeps a gateway fit while it works: letting go of what is old, and telling how it is."""
