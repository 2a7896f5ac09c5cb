"""Rows by family; importing one makes them."""
