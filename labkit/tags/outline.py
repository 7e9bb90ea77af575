"""A scheme as a list that folds, for JupyterLab."""

from __future__ import annotations

from html import escape

from labkit.tags.scheme import Scheme
from labkit.terms import Language


def to_outline(scheme: Scheme, language: Language = "en", most: int = 3000) -> str:
    """A tree that folds, as HTML without script, for JupyterLab.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> to_outline(Scheme.of([make_class("A", "<b>")]))
    '<ul><li>&lt;b&gt; <small>A</small></li></ul>'
    """
    left = [most]

    def item(id: str, above: tuple[str, ...]) -> str:
        left[0] -= 1
        if left[0] < 0:
            return ""
        name = f"{escape(scheme[id].name(language))} <small>{escape(scheme[id].notation or id)}</small>"
        below = [child for child in scheme.children[id] if child not in above]
        if not below or len(above) > 50:
            return f"<li>{name}</li>"
        inner = "".join(item(child, (*above, id)) for child in below)
        return f"<li><details{' open' if not above else ''}><summary>{name}</summary><ul>{inner}</ul></details></li>"

    told = "".join(item(root, ()) for root in scheme.roots)
    reached = set(scheme.roots).union(*(scheme.descendants(root) for root in scheme.roots))
    rest = [id for id in scheme.classes if id not in reached]  # on a cycle, or under one
    loop = (
        f"<li>{'循环' if language == 'zh' else 'in a cycle'}: {', '.join(escape(id) for id in rest)}</li>"
        if rest
        else ""
    )
    return f"<ul>{told}{loop}</ul>"
