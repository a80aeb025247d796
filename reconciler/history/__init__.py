"""The history of runs: records in files, for people. No plan reads them."""
