"""`python -m pipeline` is `mingce`."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
