"""Certificates of an account of AWS."""
