"""What the server tells of itself: request ids, logs, metrics, traces, in one ASGI layer.

    app = Telemetry(app, TelemetrySettings(log="json"))

`logs.configure` goes with it, once in each process. A server of several
workers is started inside `workers.shared_metrics`, so that `/metrics`
(`exposition.answer_metrics`) speaks for all of them.
"""

from modelry.telemetry.middleware import Telemetry
from modelry.telemetry.options import TelemetrySettings

__all__ = ["Telemetry", "TelemetrySettings"]
