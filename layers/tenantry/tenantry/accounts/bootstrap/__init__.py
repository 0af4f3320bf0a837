"""Wires the accounts context, a module for each kind of function: a task builds what it uses."""
