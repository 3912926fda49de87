"""A strategy's replay in the terminal's own process: no flow, no worker, no lake on a disk, and nothing that counts."""
