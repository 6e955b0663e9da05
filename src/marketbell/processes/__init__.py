"""One folder is one operating-system process, the same name everywhere."""
