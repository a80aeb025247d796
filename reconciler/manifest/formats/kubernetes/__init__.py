"""Objects of the App Mesh controller for Kubernetes."""
