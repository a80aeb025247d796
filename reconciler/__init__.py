"""Files become meshes: a declarative reconciler for the AWS App Mesh API."""
