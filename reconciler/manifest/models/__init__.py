"""Pydantic models of documents and specs, made from the API's description."""
