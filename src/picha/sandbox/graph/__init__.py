"""Graph's HTTP face: the paths, the answers and the refusals that programs know from graph.facebook.com."""
