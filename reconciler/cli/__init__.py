"""The command line: argv and environment become settings, one verb runs, an exit code comes out."""
