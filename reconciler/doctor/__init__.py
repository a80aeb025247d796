"""The checks of the command doctor, their results and their text."""
