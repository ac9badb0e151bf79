"""The Python API: what the command line does, as functions. They are names of ``qnas`` itself."""
