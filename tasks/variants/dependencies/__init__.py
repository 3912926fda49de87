"""What a strategy's orders depend on besides its parameters and markets; `record.py` is the entry point.

The modules that it executes, the distributions that these import, and the files that it reads.
"""
