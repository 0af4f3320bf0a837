"""Wires the invitations context, a module per need, so that a function imports just its own."""
