"""Archives as the exchange ships them: reading, identity, extraction manifests, and market selection."""
