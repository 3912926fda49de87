"""Prefect's server with its UI, for one user on one machine: access control, and supervision of runs."""
