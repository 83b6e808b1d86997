"""`python -m notifyd` is the same as `notifyd`."""

from notifyd.cli import main

if __name__ == "__main__":
    main()
