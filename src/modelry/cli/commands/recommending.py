"""Which version to take, by the metrics that matter."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.arguments import AsJson, ModelName
from modelry.cli.session import print_json, session


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
    lower: Annotated[
        list[str] | None,
        typer.Option("--lower", metavar="METRIC", help="Lower is better, whatever its name."),
    ] = None,
    higher: Annotated[
        list[str] | None,
        typer.Option("--higher", metavar="METRIC", help="Higher is better, whatever its name."),
    ] = None,
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
        print_json({
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
                    "metrics": {m.name: each.version.metrics[m.name] for m in found.measures},
                    "ranks": dict(zip([m.name for m in found.measures], each.ranks, strict=True)),
                    "other_data": each.other_data,
                }
                for each in found.ranked
            ],
        })  # fmt: skip
        return
    from modelry.cli.pages.recommendation import recommendation_page

    recommendation_page(here.sheet(), found)
