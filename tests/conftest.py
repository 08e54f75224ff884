"""No test connects to another machine: sockets of the test process refuse to."""

import tests.e2e.offline.sitecustomize  # noqa: F401
from backend.openmp import limit_openmp_spin
from tests.guards import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_handlecrashitem,
    pytest_ignore_collect,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)

limit_openmp_spin()
