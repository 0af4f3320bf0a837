"""What the Makefile and the checks run on the sources and the built artifact."""
