"""Import what is slow to import while worker processes work, and this one waits for them."""

import threading
from importlib import import_module

# What computes and draws results, each imported where it is used: a run whose results are in the lake needs none.
NEEDED_FOR_NEW_RESULTS = ("scipy.special", "scipy.stats", "matplotlib.figure", "matplotlib.backends.backend_agg")


def import_meanwhile(*modules: str) -> None:
    """Import modules on a thread; whoever needs one earlier waits for it."""
    # Not a daemon: an interpreter that ends in the middle of an extension's import may crash.
    threading.Thread(target=lambda: [import_module(module) for module in modules]).start()
