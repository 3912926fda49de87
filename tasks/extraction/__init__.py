"""Archives in: members, messages, the catalogue, chunks."""
