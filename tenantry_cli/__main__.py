"""`python -m tenantry_cli`."""

from tenantry_cli.main import main

if __name__ == "__main__":
    main()
