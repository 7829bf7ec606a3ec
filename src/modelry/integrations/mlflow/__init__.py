"""A plug-in for MLflow: `modelry://project` as a registry, its files moved by our own transfer.

`mlflow.set_registry_uri("modelry://default")` takes the registry that
`MODELRY_URI` names, a server or an embedded one, and the token of `MODELRY_TOKEN`
or of the keyring. What is registered is uploaded and sealed by this process, so
runs may stay on any tracking server, or on this machine. `mlflow-skinny` is
enough.
"""
