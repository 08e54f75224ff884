"""Gives the services to routes, as a FastAPI dependency."""

from typing import Annotated

from fastapi import Depends, Request

from backend.services import Services


def services_of(request: Request) -> Services:
    """The services of the running application."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
