"""Adapters: who makes AWS accounts."""
