"""Files of LiteRT, written from lowered networks."""
