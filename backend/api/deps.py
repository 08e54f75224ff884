"""What routes take as FastAPI dependencies: the services, and the part of a list that a client asks for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request

from backend.services import Services


def services_of(request: Request) -> Services:
    """The services of the running application."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list a client asks for."""

    limit: Annotated[int, Query(ge=1, le=1000)] = 50
    offset: Annotated[int, Query(ge=0, lt=1 << 53)] = 0


PageDep = Annotated[Page, Depends()]
