"""How a route gets the parts it works with."""

from typing import Annotated

from fastapi import Depends, Request

from backend.services import Parts


def parts_of(request: Request) -> Parts:
    """The parts that the running app was wired with."""
    parts: Parts = request.app.state.parts
    return parts


Wired = Annotated[Parts, Depends(parts_of)]
