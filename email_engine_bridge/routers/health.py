"""A route that tells whether the API is up and whose key was used."""

from fastapi import APIRouter
from pydantic import BaseModel

from ..schemas.problem import problem_responses
from .dependencies import EngineEnv

router = APIRouter(tags=["engine"])


class Health(BaseModel):
    status: str
    tenants: list[int]


@router.get("/health", responses=problem_responses(401, 422, 429))
def get_health(env: EngineEnv) -> Health:
    """Tell that the key works, and for which tenants."""
    return Health(status="ok", tenants=env["engine.tenant"].search([], order="id").ids)
