"""Archives as they arrive: list the inbox, and check which archives are complete."""
