"""What is asked across tenants of each context, a module a context."""
