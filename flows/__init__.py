"""How the stages chain, a file a stage, and the two ways in: the command line and Prefect's deployments."""
