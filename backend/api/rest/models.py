"""REST: the models: what there is, what this machine makes of it, loading, downloading."""

import asyncio
from typing import Any

from fastapi import APIRouter

from backend.api import schemas
from backend.api.deps import ServicesDep
from backend.errors import ApiError
from backend.services import Services
from models import hardware
from models.errors import UnknownModel
from models.proposal import advice, proposed

router = APIRouter(tags=["models"])


@router.get("/models")
async def list_models(services: ServicesDep) -> dict[str, Any]:
    """The catalogue with what is installed, and what to expect of each model on this machine."""
    return {"models": await asyncio.to_thread(services.engines.states)}


@router.get("/device")
async def device(services: ServicesDep) -> dict[str, Any]:
    """What this machine is, and which model of the catalogue suits it."""
    return await asyncio.to_thread(_device, services)


@router.post("/models/{name}/load")
async def load(name: str, _: schemas.Nothing, services: ServicesDep) -> dict[str, Any]:
    """Loads a model in the background; `GET /models` has its state."""
    try:
        services.engines.load(name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error)) from None
    return {}


@router.get("/models/pulls")
async def pulls(services: ServicesDep) -> dict[str, Any]:
    """The downloads of this server, and the unfinished ones that an earlier one left."""
    return {"pulls": await asyncio.to_thread(services.downloads.all)}


@router.post("/models/{name}/pull")
async def pull(name: str, _: schemas.Nothing, services: ServicesDep) -> dict[str, Any]:
    """Starts or resumes the download of a model, as `lantern models pull` does."""
    try:
        return await asyncio.to_thread(services.downloads.start, name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error)) from None


@router.delete("/models/{name}/pull")
async def pause(name: str, services: ServicesDep) -> dict[str, Any]:
    """Pauses a download; what is here is kept."""
    try:
        return await asyncio.to_thread(services.downloads.pause, name)
    except UnknownModel as error:
        raise ApiError("not_found", str(error)) from None


def _device(services: Services) -> dict[str, Any]:
    spec_of = services.engines.registry.spec
    suitable = proposed(spec_of)
    return {
        "cores": hardware.physical_cores(),
        "memory_bytes": hardware.memory_limit(),
        "available_bytes": hardware.memory_free(),
        "accelerator": hardware.accelerator(),
        "suits": suitable.name if suitable else "",
        "words": advice(spec_of),
    }
