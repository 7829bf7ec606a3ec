"""Which version to take: ranked by the metrics that matter, with reasons that can be checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from modelry.core import recommendation
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Number
from modelry.core.recommendation import Measure, measures_of, recommend
from modelry.core.registry import Registry

MakeFile = Callable[..., Path]
METRICS: list[Mapping[str, Number]] = [
    {"auc": 0.80, "latency_ms": 5.0}, {"auc": 0.90, "latency_ms": 20.0},
    {"auc": 0.88, "latency_ms": 8.0}, {"auc": 0.95}, {"auc": 0.70, "latency_ms": 50},
]  # fmt: skip


@pytest.fixture
def five(registry: Registry, model_file: MakeFile) -> Registry:
    for number, metrics in enumerate(METRICS):
        registry.register("churn", model_file(f"weights {number}"), metrics=metrics)
    return registry


def order(registry: Registry, *by: str, where: str = "") -> list[int]:
    found = recommend(registry, "churn", measures_of(by), where)
    return [each.version.number for each in found.ranked]


def test_one_metric_ranks_by_its_value(five: Registry) -> None:
    found = recommend(five, "churn", measures_of(["auc"]))
    assert [each.version.number for each in found.ranked] == [4, 2, 3, 1, 5]
    assert [each.ranks for each in found.ranked] == [(1,), (2,), (3,), (4,), (5,)]
    assert (found.ranked[0].score, found.ranked[-1].score) == (1.0, 0.0)
    assert found.ranked[1].score == pytest.approx(0.8)
    assert (found.best.number, found.live) == (4, None)
    assert found.reasons == ["best auc of 5"]


def test_s2_23_several_metrics_weigh_and_a_latency_is_better_when_it_is_lower(
    five: Registry,
) -> None:
    assert measures_of(["auc", "latency_ms=2"]) == (
        Measure("auc"), Measure("latency_ms", lower=True, weight=2.0))  # fmt: skip
    found = recommend(five, "churn", measures_of(["auc", "latency_ms"]))
    assert [each.version.number for each in found.ranked] == [3, 2, 1, 5]
    assert found.ranked[0].score == pytest.approx((0.9 + 42 / 45) / 2)
    assert found.ranked[0].ranks == (2, 2)
    assert found.reasons == ["rank 2 by auc of 4", "rank 2 by latency_ms of 4"]
    assert order(five, "auc", "latency_ms=9") == [1, 3, 2, 5]
    assert order(five, "auc=9", "latency_ms")[0] == 2


def test_a_name_that_misleads_is_put_right(five: Registry) -> None:
    turned = measures_of(["auc", "latency_ms"], lower=["auc"], higher=["latency_ms"])
    assert [each.lower for each in turned] == [True, False]
    assert recommend(five, "churn", turned).best.number == 5


def test_only_what_is_wanted_and_not_archived_is_a_candidate(five: Registry) -> None:
    five.archive("churn:2")
    assert order(five, "auc", where="metrics.auc < 0.95 or stage = production") == [3, 1, 5]
    with pytest.raises(NotFound, match="no version of churn outside of the archive has f1"):
        recommend(five, "churn", measures_of(["f1"]))
    with pytest.raises(NotFound, match="and meets: stage = staging"):
        recommend(five, "churn", measures_of(["auc"]), "stage = staging")
    with pytest.raises(NotFound, match="there is no model"):
        recommend(five, "absent", measures_of(["auc"]))
    with pytest.raises(Invalid):
        recommend(five, "churn", measures_of(["auc"]), "auc >")


def test_what_is_live_is_compared_with(five: Registry) -> None:
    five.promote("churn:3", "production")
    assert recommend(five, "churn", measures_of(["auc", "latency_ms"])).reasons[-1] == (
        "it is live already")  # fmt: skip
    told = recommend(five, "churn", measures_of(["auc"])).reasons
    assert told == ["best auc of 5", "auc 0.07 better than churn:3, which is live"]
    told = recommend(five, "churn", measures_of(["auc", "latency_ms=9"])).reasons
    assert told[2:] == [
        "auc 0.08 worse than churn:3, which is live",
        "latency_ms 3 better than churn:3, which is live",
    ]


def test_a_live_version_without_the_metric_or_with_the_same_is_said_to_be_so(
    five: Registry, model_file: MakeFile
) -> None:
    five.register("churn", model_file("no metric"))
    five.promote("churn:6", "production")
    assert recommend(five, "churn", measures_of(["auc"])).reasons == ["best auc of 5"]
    five.register("churn", model_file("equal"), metrics={"auc": 0.95})
    five.promote("churn:4", "production")
    found = recommend(five, "churn", measures_of(["auc"]))
    assert [each.version.number for each in found.ranked[:2]] == [7, 4]
    assert found.ranked[0].ranks == found.ranked[1].ranks == (1,)
    assert found.reasons[1:] == ["auc as good as churn:4, which is live"]


def test_the_only_candidate_is_the_best_of_one(registry: Registry, model_file: MakeFile) -> None:
    registry.create_project("risk")
    registry.configure_stages([{"name": "draft", "pointed": False}, {"name": "open"}], "risk")
    registry.register("risk/m", model_file(), metrics={"auc": 0.5})
    found = recommend(registry, "risk/m", measures_of(["auc"]))
    assert (found.ranked[0].score, found.reasons) == (1.0, ["the only one with auc"])


def test_other_data_is_told(registry: Registry, model_file: MakeFile) -> None:
    for number, data in enumerate(("2024", "2025", "2025")):
        registry.register("m", model_file(f"{number}"), metrics={"auc": 0.9 - number / 10},
                          datasets=[{"name": "claims", "digest": f"sha256:{data}"}])  # fmt: skip
    found = recommend(registry, "m", measures_of(["auc"]))
    assert [each.other_data for each in found.ranked] == [False, True, True]
    assert found.reasons[-1].startswith("some candidates know other data")


def test_candidates_come_by_pages_and_not_without_end(
    five: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommendation, "_PAGE", 2)
    assert order(five, "auc") == [4, 2, 3, 1, 5]
    monkeypatch.setattr(recommendation, "MOST", 3)
    assert order(five, "auc") == [4, 2, 3, 1]


@pytest.mark.parametrize(
    "by", [[], ["auc", "auc"], [""], ["auc=0"], ["auc=-1"], ["auc=x"], ["auc=inf"], ["auc=nan"],
           ["a b"], ["=2"], ["auc)"]],
)  # fmt: skip
def test_metrics_that_cannot_be_are_refused(by: list[str]) -> None:
    with pytest.raises(Invalid):
        measures_of(by)


def test_a_way_is_told_only_of_metrics_that_matter() -> None:
    with pytest.raises(Invalid, match="f1 is not among the metrics that matter: auc"):
        measures_of(["auc"], lower=["f1"])
