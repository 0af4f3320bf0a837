"""Side-by-side measurements, run by hand: `python -m bench [NAME...]`; see `bench.__main__`."""
