"""One folder a port, one module an outside system; an in-process twin in every folder."""
