"""Lists of accounts, members, tokens and trusted publishers."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet, flat
from modelry.cli.pages.table import Column
from modelry.core.accounts import Account, Member, Publisher, Token


def accounts_table(sheet: Sheet, found: Iterable[Account]) -> None:
    """Print one account per line."""
    rows = [
        (
            flat(each.name, "bold"),
            flat(each.kind),
            Text("", "") if each.disabled is None else Text("disabled", "yellow"),
            Text(sheet.ago(each.created)),
            flat(each.subject or ""),
        )
        for each in found
    ]
    columns = [Column("ACCOUNT", 9, 12), Column("KIND", 7), Column("STATE", 8),
               Column("CREATED", 5), Column("SIGNS IN AS", 3, 12)]  # fmt: skip
    sheet.table(columns, rows)


def members_table(sheet: Sheet, found: Iterable[Member]) -> None:
    """Print one member per line."""
    rows = [
        (flat(each.account, "bold"), flat(each.role), Text(sheet.ago(each.since))) for each in found
    ]
    sheet.table([Column("ACCOUNT", 9, 12), Column("ROLE", 8), Column("SINCE", 5)], rows)


def tokens_table(sheet: Sheet, found: Iterable[Token]) -> None:
    """Print one token per line, never its secret."""
    rows = [
        (
            flat(each.id, "bold"),
            flat(each.account),
            flat(each.name),
            flat(_limits(each)),
            Text("never" if each.expires is None else words.utc(each.expires)),
            Text("never" if each.used is None else sheet.ago(each.used)),
        )
        for each in found
    ]
    columns = [Column("ID", 9), Column("ACCOUNT", 7, 12), Column("NAME", 6, 10),
               Column("LIMITED TO", 5, 10), Column("GOOD UNTIL", 4),
               Column("LAST USED", 3)]  # fmt: skip
    sheet.table(columns, rows)


def _limits(token: Token) -> str:
    limits = [str(token.role) if token.role else "", token.project or ""]
    return " in ".join(limit for limit in limits if limit)


def publishers_table(sheet: Sheet, found: Iterable[Publisher]) -> None:
    """Print one trusted publisher per line."""
    rows = [
        (
            flat(each.id, "bold"),
            flat(each.account),
            flat(each.role),
            flat(", ".join(f"{name}={value}" for name, value in sorted(each.claims.items()))),
            flat(each.issuer),
        )
        for each in found
    ]
    columns = [Column("ID", 9), Column("ACTS AS", 7, 12), Column("ROLE", 6),
               Column("CLAIMS", 8, 16), Column("ISSUER", 3, 16)]  # fmt: skip
    sheet.table(columns, rows)
