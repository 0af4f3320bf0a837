"""Wires the identity context, a module per need, so that a function imports just its own."""
