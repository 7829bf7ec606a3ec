"""Which version to take, by the metrics that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Higher, Lower, ModelName
from modelry.cli.session import print_json, session

if TYPE_CHECKING:
    from modelry.core.recommendation import Recommendation
    from modelry.core.strict_json import Json


def recommend(  # noqa: PLR0913 - a choice has this many sides
    ctx: typer.Context,
    *,
    model: ModelName,
    by: Annotated[
        list[str],
        typer.Option("--by", metavar="METRIC[=WEIGHT]", help="What matters; may be repeated.",
                     show_default=False),
    ],
    where: Annotated[
        str, typer.Option("--where", metavar="QUERY", help="Only versions that this search finds.")
    ] = "",
    lower: Lower = None,
    higher: Higher = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say which version of a model to take, and why: all candidates, the best first."""
    from modelry.core.recommendation import measures_of
    from modelry.core.recommendation import recommend as recommended

    measures = measures_of(by, lower or (), higher or ())
    here = session(ctx)
    with here.registry() as registry:
        found = recommended(registry, model, measures, where)
    if as_json:
        print_json(_document(found))
        return
    from modelry.cli.pages.recommendation import recommendation_page

    recommendation_page(here.sheet(), found)


def _document(found: Recommendation) -> dict[str, Json]:
    """Answer a recommendation as JSON, with all candidates."""
    names = [each.name for each in found.measures]
    return {
        "recommended": found.best.ref,
        "reasons": list(found.reasons),
        "live": None if found.live is None else found.live.ref,
        "measures": [
            {"metric": each.name, "lower_is_better": each.lower, "weight": each.weight}
            for each in found.measures
        ],
        "ranked": [
            {
                "ref": each.version.ref,
                "score": each.score,
                "metrics": {name: each.version.metrics[name] for name in names},
                "ranks": dict(zip(names, each.ranks, strict=True)),
                "other_data": each.other_data,
            }
            for each in found.ranked
        ],
    }
