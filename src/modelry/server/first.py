"""The first start of a server: an admin, whose token is shown once."""

from __future__ import annotations

from modelry.core.access import EVERYWHERE, Role
from modelry.core.accounts import ACCOUNT
from modelry.core.administration import Administration
from modelry.core.ports import Unit
from modelry.core.verbs.world import World

ADMIN = "admin"


def first_admin(world: World) -> str | None:
    """Make the account `admin` where nobody has an account yet, and answer its token.

    Of several processes that start at once, one makes it.
    """

    def claim(unit: Unit) -> bool:
        if unit.all_kept(ACCOUNT, "", "", 1) or unit.kept("first", ADMIN):
            return False
        unit.keep("first", ADMIN, {"at": world.clock.now()})
        return True

    if not world.store.change(claim):
        return None
    admin = Administration(world)
    admin.create_account(ADMIN)
    admin.set_member(EVERYWHERE, ADMIN, Role.ADMIN)
    return admin.create_token(ADMIN, "first start").secret
