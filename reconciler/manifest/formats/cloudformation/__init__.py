"""CloudFormation templates and their intrinsic functions."""
