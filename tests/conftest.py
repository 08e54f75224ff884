"""No test reaches beyond this machine: sockets of the test process itself refuse to."""

import tests.e2e.offline.sitecustomize  # noqa: F401
from backend.openmp import limit_openmp_spin

limit_openmp_spin()
