"""A model's life in one run: train, register, promote, use, regret, roll back, look back.

    make demo

Everything is real: scikit-learn trains, ONNX Runtime predicts from the files
that the registry hands out, and the reason for the rollback is measured.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from pathlib import Path

import digits
import looking_back
import operating
import registering
import team
from pages import Pages

import modelry

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Tell the story, in a registry that is made anew."""
    parser = argparse.ArgumentParser(description="Modelry's demo on real models.")
    parser.add_argument("--home", type=Path, default=CHECKOUT / ".demo", help="made anew")
    home: Path = parser.parse_args().home.resolve()
    _begin_anew(home)
    pages = Pages()
    pages.title("Modelry", "one registry for the whole life of a model")
    learn, test = digits.load()
    with modelry.connect() as registry:
        candidates = registering.train(pages, learn, test, home / "work")
        registering.register(pages, registry, candidates, home / "work", learn, test)
        registering.compare(pages, registry)
        operating.go_live(pages, registry, candidates[0], test)
        live = operating.replace(pages, registry, candidates[1])
        accuracies = operating.doubt(pages, registry, test)
        operating.roll_back(pages, registry, accuracies)
        operating.stage_the_fix(pages, registry, candidates[2], test)
        looking_back.look_back(pages, registry, live)
    team.share(pages, home / "team", candidates[2].path)
    looking_back.what_next(pages, home)


def _begin_anew(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    (home / "work").mkdir(parents=True)
    for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TOKEN"):
        os.environ.pop(name, None)
    os.environ["MODELRY_HOME"] = str(home)
    logging.getLogger("skl2onnx").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
