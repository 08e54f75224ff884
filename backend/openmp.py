"""Manners of the thread pools under torch, FAISS and llama.cpp. To be called before any of them is loaded."""

import os


def limit_openmp_spin() -> None:
    """Shortens OpenMP's spinning at barriers; a setting of the user stays.

    By default its threads spin for milliseconds: when other work wants the cores (an index job beside an answer),
    a token then takes up to 100 times as long. A short spin costs nothing measurable on an idle machine.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
