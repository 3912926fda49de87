"""What a strategy's orders depend on beside its parameters and its markets; `record.py` is the door.

Modules that it executes, distributions that these import, files that it reads.
"""
