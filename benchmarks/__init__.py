"""What is measured, against what, in one command: `make bench`."""
