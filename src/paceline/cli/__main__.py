"""`python -m paceline.cli` is `paceline`, for where the script is not installed."""

from paceline.cli.app import main

if __name__ == "__main__":
    main()
