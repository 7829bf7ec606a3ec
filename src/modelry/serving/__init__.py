"""The inference service: loads what production names, follows promotions, answers over HTTP.

    with InferenceService("credit-risk", "https://models.example.com") as service:
        service.predict({"x": [[41.0, 2000.0]]})

`http.asgi_app` is its HTTP side, the Open Inference Protocol v2 (KServe,
https://github.com/kserve/open-inference-protocol); `modelry infer` runs both.
Needs `modelry[serving]`.
"""

from modelry.serving.alerts import Alerts
from modelry.serving.refusals import NoProductionModel, Unfit
from modelry.serving.runners import Choices, Loader, Runner, Spec
from modelry.serving.service import InferenceService, Prediction

__all__ = [
    "Alerts",
    "Choices",
    "InferenceService",
    "Loader",
    "NoProductionModel",
    "Prediction",
    "Runner",
    "Spec",
    "Unfit",
]
