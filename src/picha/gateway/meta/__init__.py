"""The way to Meta: the Graph client, what its answers mean, and the only holder of access tokens."""
