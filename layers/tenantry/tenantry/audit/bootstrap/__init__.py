"""Wires the audit context, a module for each function: the recorder knows no organisations."""
