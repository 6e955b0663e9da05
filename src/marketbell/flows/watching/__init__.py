"""The watch over the parts: looks, raises what is not well as a firing, tells when it is over."""
