"""A stand-in for Stripe on this machine: what the product uses of its API, as published."""
