"""Table `[page]`: what the participant's page may be told; every field has its unit."""

from __future__ import annotations

from typing import Annotated

import msgspec


class PageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one start of the page."""

    on: bool = False
    """Whether a session has the page."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Port on this machine; 0 takes a free one."""
    asked: bool = False
    """Whether the person was asked about seizures and photosensitive epilepsy, and agreed to see
    pictures: a participant's session has no page without it."""
    bank: str = ""
    """Folder of the bank. A session gives it the player's."""
    bank_sha256: str = ""
    """Hash of what must be in it, as the player's; empty takes whatever is there."""
    mark: str = ""
    """What stands in the corner, such as SIMULATED. A session says so by itself."""
    token: str = ""
    """Secret part of the page's address; empty makes one up. A session gives it down the life line,
    so that a page that is open finds the part again after a restart."""
