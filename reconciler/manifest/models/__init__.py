"""Pydantic models of documents and specs, generated from the API's description."""
