"""How the nouns look in a notebook: tables instead of long lines of text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from modelry.core.comparison import Comparison, MetricRow
from modelry.core.model import ModelSummary, Page, Version
from modelry.core.verbs.look import History

_SHOWN = 50
_METRICS = 4
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def show_in_notebooks() -> None:
    """Teach the running notebook our tables; outside a notebook nothing happens."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    html = shell.display_formatter.formatters["text/html"]
    views: dict[type, Callable[[Any], str]] = {
        Version: version_html,
        Page: page_html,
        Comparison: comparison_html,
        History: history_html,
    }
    for noun, view in views.items():
        html.for_type(noun, view)


def version_html(version: Version) -> str:
    """Show one version, fact by fact."""
    findings = version.findings
    facts = {
        "stage": version.stage,
        "aliases": ", ".join(version.aliases),
        "description": version.description,
        "framework": f"{findings.framework or findings.format}" if findings else "",
        "parameters": f"{findings.parameters:,}" if findings and findings.parameters else "",
        "metrics": _pairs(version.metrics.items()),
        "params": _pairs(version.params.items()),
        "tags": _pairs(version.tags.items()),
        "data sets": ", ".join(dataset.name for dataset in version.datasets),
        "files": f"{len(version.files)}, {_size(version.size)}",
        "digest": version.digest,
        "registered": f"{version.created_at:%Y-%m-%d %H:%M} UTC by {version.author}",
    }
    rows = [(name, value) for name, value in facts.items() if value]
    return _table((version.ref, version.version), rows)


def page_html(page: Page[Any]) -> str:
    """Show versions or models, one a row."""
    if page.items and isinstance(page.items[0], ModelSummary):
        models = ("model", "versions", "pointers", "updated")
        return _table(models, (_model_row(each) for each in page.items), more=bool(page.next))
    heads = ("version", "label", "stage", "aliases", "metrics", "size", "registered")
    return _table(heads, (_version_row(each) for each in page.items), more=bool(page.next))


def _model_row(each: ModelSummary) -> tuple[object, ...]:
    names = ", ".join(f"{pointer.name} {pointer.number}" for pointer in each.pointers)
    return each.model.full_name, each.versions, names, f"{each.model.updated_at:%Y-%m-%d %H:%M}"


def _version_row(each: Version) -> tuple[object, ...]:
    metrics = _pairs(sorted(each.metrics.items())[:_METRICS])
    aliases = ", ".join(each.aliases)
    when = f"{each.created_at:%Y-%m-%d %H:%M}"
    return each.ref, each.version, each.stage, aliases, metrics, _size(each.size), when


def comparison_html(comparison: Comparison) -> str:
    """Show versions side by side, the better value marked."""
    heads = ("", *[version.ref for version in comparison.versions])
    rows = [(row.name, *_metric_cells(row)) for row in comparison.metrics]
    rows += [(name, *map(_value, values)) for name, values in comparison.params.items()]
    return _table(heads, rows)


def _metric_cells(row: MetricRow) -> Iterable[str]:
    for at, (value, difference) in enumerate(zip(row.values, row.differences, strict=True)):
        mark = " ★" if at in row.best else ""
        apart = f" ({difference:+.4g})" if difference else ""
        yield "-" if value is None else f"{value:.6g}{mark}{apart}"


def history_html(history: History) -> str:
    """Show what happened, newest first."""
    heads = ("time (UTC)", "who", "what", "version", "comment")
    rows = [
        (f"{event.happened_at:%Y-%m-%d %H:%M:%S}", event.actor, event.kind, event.number or "",
         event.comment)
        for event in history.events
    ]  # fmt: skip
    return _table(heads, rows, more=bool(history.next))


def _table(heads: Iterable[object], rows: Iterable[Iterable[object]], *, more: bool = False) -> str:
    body = [f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows]
    left = len(body) - _SHOWN
    if left > 0 or more:
        rest = f"{left} more rows" if left > 0 else "more: ask for the next page"
        body[_SHOWN:] = [f"<tr><td>... {rest}</td></tr>"]
    head = "".join(f"<th>{_text(each)}</th>" for each in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _text(value: object) -> str:
    return escape(str(value))


def _value(value: object) -> str:
    return "-" if value is None else str(value)


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {value}".strip() for name, value in pairs)


def _size(size: int) -> str:
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - decimal units
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"
