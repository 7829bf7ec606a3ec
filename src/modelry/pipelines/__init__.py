"""Jobs of a pipeline, described in YAML: register after training, promote after evaluation, deploy (S0.12)."""

from modelry.pipelines.description import Job, Pipeline, read_pipeline, schema_text
from modelry.pipelines.running import Done, Report, run_pipeline

__all__ = [
    "Done",
    "Job",
    "Pipeline",
    "Report",
    "read_pipeline",
    "run_pipeline",
    "schema_text",
]
