"""scikit-learn: by skops, which runs no code; by pickle or joblib where allowed by name."""

from __future__ import annotations

from pathlib import Path

from modelry.core.errors import Denied, Unsupported
from modelry.core.model import Version
from modelry.serving.loaders.estimators import EstimatorRunner
from modelry.serving.loading import allowed, file_of, format_of
from modelry.serving.runners import Choices

_ENDING = ".skops"


class SkopsLoader:
    """Loads `.skops` files whose types are trusted."""

    name = "skops"

    def claims(self, version: Version) -> bool:
        """Take a file, or a folder with a file, that ends in `.skops`."""
        return any(file.path.lower().endswith(_ENDING) for file in version.files)

    def load(self, path: Path, version: Version, choices: Choices) -> EstimatorRunner:
        """Read the types first; refuse those that neither skops nor the operator trusts."""
        try:
            import skops.io
        except ModuleNotFoundError as error:
            raise _missing(version, error) from error
        file = file_of(path, version, _ENDING)
        others = sorted(set(skops.io.get_untrusted_types(file=file)) - set(choices.trusted_types))
        if others:
            options = " ".join(f"--trust-type {name}" for name in others)
            msg = f"{version.ref} holds types that are not trusted; if you trust them: {options}"
            raise Denied(msg, ref=version.ref)
        return EstimatorRunner(skops.io.load(file, trusted=list(choices.trusted_types)), version)


class PickleLoader:
    """Loads pickles of estimators, also joblib's, of models that are allowed by name."""

    name = "pickle"

    def claims(self, version: Version) -> bool:
        """Take pickle and joblib files."""
        return format_of(version) in {"pickle", "joblib"}

    def load(self, path: Path, version: Version, choices: Choices) -> EstimatorRunner:
        """Unpickle, which runs code; only where the operator named this model."""
        allowed(version, choices, f"a {format_of(version)} file")
        try:
            import joblib
            import sklearn as _  # noqa: F401 - a pickle of an estimator imports it
        except ModuleNotFoundError as error:
            raise _missing(version, error) from error
        file = file_of(path, version, ".pkl", ".pickle", ".joblib")
        return EstimatorRunner(joblib.load(file), version)


def _missing(version: Version, error: ModuleNotFoundError) -> Unsupported:
    msg = f"loading {version.ref} needs {error.name}: pip install 'modelry[sklearn]'"
    return Unsupported(msg, package=error.name)
