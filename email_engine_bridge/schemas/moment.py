"""Moments in answers: the database keeps UTC without a zone, RFC 3339 asks for one."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

UtcMoment = Annotated[datetime, AfterValidator(lambda moment: moment.replace(tzinfo=UTC))]
