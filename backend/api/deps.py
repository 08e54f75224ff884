"""How a route gets the services it works with."""

from typing import Annotated

from fastapi import Depends, Request

from backend.services import Services


def services_of(request: Request) -> Services:
    """The services that the running app was wired with."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
