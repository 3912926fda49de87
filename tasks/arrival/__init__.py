"""Archives as they arrive: what lies in the inbox, and which of it is whole."""
