"""MLflow's own protocol as a door to the registry: a stock client changes its address, no more.

Beginners here: `app.py` puts the routes together, `doors.py` is the way of a
request from a route to a verb, `asked.py` reads parameters, `refusals.py` says
how a refusal looks. Each further file holds the routes of one noun.
"""

from modelry.server.dialects.mlflow.app import mlflow_dialect

__all__ = ["mlflow_dialect"]
