"""`tenantry`: the operators' command line, through the product's public doors."""
