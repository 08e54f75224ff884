"""REST: the list of all conversations, their titles, and their end."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.api import schemas
from backend.api.clearing import clear
from backend.api.deps import PageDep, ServicesDep
from backend.db import conversation_list, conversations

router = APIRouter(prefix="/chat", tags=["chat"])


@router.get("/conversations")
async def list_conversations(
    services: ServicesDep, page: PageDep, query: Annotated[str, Query(max_length=1000)] = ""
) -> dict[str, Any]:
    """All conversations that are not empty, the last used first; `query` searches titles, questions and answers."""
    return await services.database.read(lambda db: conversation_list.search(db, query, page.limit, page.offset))


@router.patch("/conversation/{conversation_id}")
async def rename(conversation_id: schemas.Id, body: schemas.TitleBody, services: ServicesDep) -> dict[str, Any]:
    """Gives a conversation a title; an empty one stands for its first question."""
    return await services.database.write(lambda db: conversation_list.rename(db, conversation_id, body.title))


@router.delete("/conversation/{conversation_id}")
async def delete(conversation_id: schemas.Id, services: ServicesDep) -> dict[str, Any]:
    """Deletes a conversation with its messages."""
    row = await services.database.read(lambda db: conversations.require_conversation(db, conversation_id))
    chosen = [(row.session_id, row.id)]
    return await clear(services, chosen, lambda db: conversation_list.remove(db, conversation_id))
