"""Prefect's server with its UI for one person on one machine: who reaches it, and what keeps its runs going."""
