"""Text to desired values, or to complaints: pure, with the place of everything kept.

``loading.load`` is the way in. This package reads no file and touches no network.
"""
