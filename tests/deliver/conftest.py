"""What the tests of sending share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.render import figures


@pytest.fixture(scope="module")
def one_picture() -> Iterator[None]:
    """Let every mail carry the same picture: drawing it takes longer than all else of a small mail.

    What a picture shows is tests/render/test_figures.py's; that mails carry their own, tests/recount's.
    """
    draw, drawn = figures.trend_png, []

    def once(course: figures.Course) -> bytes:
        if not drawn:
            drawn.append(draw(course))
        return drawn[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "trend_png", once)
        yield
