"""Certificates of a Kubernetes cluster."""
