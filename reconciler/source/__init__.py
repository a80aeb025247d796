"""Where manifests come from: files, directories and standard input, read and not understood."""
