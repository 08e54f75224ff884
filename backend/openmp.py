"""Settings of the OpenMP thread pools in torch, FAISS and llama.cpp. Applied before any of them is loaded."""

import os


def limit_openmp_spin() -> None:
    """Shortens the time that OpenMP threads spin at barriers. A value set by the user wins.

    By default they spin for milliseconds. While another task uses the cores (an index job during an answer), a token
    then takes up to 100 times as long. A short spin has no measurable cost on an idle machine.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
