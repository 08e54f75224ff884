"""REST: exchanges a one-use code for the token, and makes such codes."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from backend.api import schemas
from backend.api.security import SignIn
from backend.errors import ApiError
from backend.signin import EXPIRES_S

router = APIRouter(tags=["sign-in"])


def sign_in_of(request: Request) -> SignIn:
    """The codes and the token of the running application."""
    sign_in: SignIn = request.app.state.sign_in
    return sign_in


SignInDep = Annotated[SignIn, Depends(sign_in_of)]


@router.post("/signin/codes")
async def new_code(sign_in: SignInDep, _: schemas.Nothing) -> dict[str, Any]:
    """A new code for the page's address, `URL/#code=CODE`. It can be used once, for ten minutes."""
    return {"code": sign_in.codes.new(), "expires_s": EXPIRES_S}


@router.post("/signin")
async def sign_in(body: schemas.SignInBody, sign_in: SignInDep) -> dict[str, Any]:
    """The token, for a code that is alive. Open to anyone on this machine."""
    if sign_in.codes.is_limited:
        raise ApiError("rate_limited", "too many wrong codes: wait a second", 1000)
    if not sign_in.codes.redeem(body.code):
        raise ApiError("unauthorized", "this code is unknown, used or expired: `lantern open` makes a new one")
    return {"token": sign_in.token}
