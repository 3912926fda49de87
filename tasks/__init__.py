"""What the stages do, a folder a stage: plain functions inside, a thin layer of Prefect tasks at the end of each."""
