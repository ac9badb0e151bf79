"""The stages of a run, each a function from the run to the result that it leaves in the folder."""
