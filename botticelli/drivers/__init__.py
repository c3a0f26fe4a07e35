"""Model providers behind one small protocol. Knows nothing of narratives, budgets or Postgres."""

from botticelli.drivers.protocol import Driver, GenerateRequest, GenerateResponse, Message, Usage
from botticelli.drivers.registry import Drivers, ModelName

__all__ = ["Driver", "Drivers", "GenerateRequest", "GenerateResponse", "Message", "ModelName", "Usage"]
