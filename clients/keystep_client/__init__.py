"""The light client: no torch, no server import."""
