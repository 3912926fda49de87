"""Extract archives into the lake: chunks, messages, catalogue, rejects, manifests."""
