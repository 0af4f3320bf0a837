"""What operators run by hand against a deployment, local or on AWS."""
