"""Checks of names, languages and documentation."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

from labkit.tags.checks.registry import Finding, View, check_of, tell

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")
_LONGEST = 200
_FORMULA = tuple("=+-@\t\r＝＋－＠")
_MARKUP = re.compile(r"<\s*[a-zA-Z/!]|javascript:|\{\{|\$\{")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


@check_of("omitted_language_tags")
def omitted_language_tags(view: View) -> Iterator[Finding]:
    if not view.scheme.from_rdf:
        return
    for item in view.classes:
        bad = [x for x in (*item.labels, *item.notes) if not _LANGUAGE.match(x.language)]
        if bad:
            why = view.say(
                f"{len(bad)} texts without a language, such as {tell(bad[0].text)!r}",
                f"{len(bad)} 处文本缺少语言标记，如“{tell(bad[0].text)}”",
            )
            yield Finding((item.id,), why, view.say("state the language of each", "为每处文本标明语言"), item.row)


def _languages(view: View) -> dict[str, set[str]]:
    return {
        item.id: {x.language.split("-")[0] for x in (*item.labels, *item.notes) if x.language} for item in view.classes
    }


@check_of("incomplete_language_coverage")
def incomplete_language_coverage(view: View) -> Iterator[Finding]:
    spoken = _languages(view)
    everything = set().union(*spoken.values()) if spoken else set()
    for id, own in spoken.items():
        lacking = sorted(everything - own)
        if own and lacking:
            told = ", ".join(lacking)
            yield Finding(
                (id,),
                view.say(f"no text in {told}", f"缺少 {told} 文本"),
                view.say(f"name {view.name(id)} in {told}", f"为 {view.name(id)} 补充 {told} 名称"),
                view.scheme[id].row,
            )


@check_of("no_common_language")
def no_common_language(view: View) -> Iterator[Finding]:
    spoken = [own for own in _languages(view).values() if own]
    if spoken and not set.intersection(*spoken):
        counts = Counter(language for own in spoken for language in own)
        best, n = counts.most_common(1)[0]
        lacking = tuple(id for id, own in _languages(view).items() if own and best not in own)
        yield Finding(
            lacking[:20],
            view.say(
                f"the commonest, {best}, is there for {n} of {len(spoken)}",
                f"最常见的语言 {best} 只覆盖 {n}/{len(spoken)}",
            ),
            view.say(f"name every class in {best}", f"为全部类目补充 {best} 名称"),
        )


@check_of("undocumented_classes")
def undocumented_classes(view: View) -> Iterator[Finding]:
    for item in view.classes:
        if not any(note.text.strip() for note in item.notes):
            yield Finding(
                (item.id,),
                view.say("nothing says what it means", "含义未作说明"),
                view.say(f"define {view.name(item.id)}", f"补充 {view.name(item.id)} 的口径"),
                item.row,
            )


@check_of("overlapping_labels")
def overlapping_labels(view: View) -> Iterator[Finding]:
    holders: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for item in view.classes:
        for label in item.labels:
            if label.text.strip():
                holders[_folded(label.text), label.language][item.id] = None
    for (text, language), ids in holders.items():
        if len(ids) > 1:
            spoken = f" ({language})" if language else ""
            why = view.say(
                f"{tell(text)!r}{spoken} names {view.names(ids)}",
                f"“{tell(text)}”{spoken}同时是 {view.names(ids)} 的名称",
            )
            yield Finding(
                tuple(ids),
                why,
                view.say("give one of them another name, or merge them", "改名或合并"),
                view.scheme[list(ids)[-1]].row,
            )


@check_of("missing_labels")
def missing_labels(view: View) -> Iterator[Finding]:
    for item in view.classes:
        if not any(label.kind == "pref" for label in item.labels):
            yield Finding(
                (item.id,),
                view.say("no preferred name in any language", "任何语言都没有首选名称"),
                view.say("name it", "补充名称"),
                item.row,
            )
    for uri, title in view.scheme.schemes.items():
        if not title:
            yield Finding(
                (uri,),
                view.say("the concept scheme has no title", "概念体系没有题名"),
                view.say("give it a dcterms:title", "补充 dcterms:title"),
            )


@check_of("unprintable_characters")
def unprintable_characters(view: View) -> Iterator[Finding]:
    for item in view.classes:
        for label in item.labels:
            bad = sorted(
                {f"U+{ord(c):04X}" for c in label.text if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Cs")}
            )
            if bad:
                yield Finding(
                    (item.id,),
                    f"{tell(label.text)!r}: {', '.join(bad[:5])}",
                    view.say("take the characters out", "删除这些字符"),
                    item.row,
                )


@check_of("empty_labels")
def empty_labels(view: View) -> Iterator[Finding]:
    for item in view.classes:
        empty = [label for label in item.labels if not label.text.strip()]
        if empty:
            yield Finding(
                (item.id,),
                view.say(f"{len(empty)} empty names", f"{len(empty)} 个空名称"),
                view.say("fill or remove them", "填写或删除"),
                item.row,
            )


@check_of("inconsistent_preferred_labels")
def inconsistent_preferred_labels(view: View) -> Iterator[Finding]:
    for item in view.classes:
        counts = Counter(label.language for label in item.labels if label.kind == "pref")
        for language, n in counts.items():
            if n > 1:
                texts = [tell(x.text) for x in item.labels if x.kind == "pref" and x.language == language]
                yield Finding(
                    (item.id,),
                    f"{language}: {', '.join(texts[:4])}",
                    view.say("keep one, make the others aliases", "保留一个，其余改为别名"),
                    item.row,
                )


@check_of("disjoint_labels_violation")
def disjoint_labels_violation(view: View) -> Iterator[Finding]:
    for item in view.classes:
        kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        for label in item.labels:
            kinds[_folded(label.text), label.language].add(label.kind)
        for (text, _), found in kinds.items():
            if len(found) > 1:
                yield Finding(
                    (item.id,),
                    f"{tell(text)!r}: {', '.join(sorted(found))}",
                    view.say("keep the preferred one", "保留首选名称"),
                    item.row,
                )


@check_of("hostile_label")
def hostile_label(view: View) -> Iterator[Finding]:
    for item in view.classes:
        for label in item.labels:
            text = label.text
            reason = (
                view.say("begins like a formula", "以公式字符开头")
                if text.startswith(_FORMULA)
                else view.say("holds markup", "含标记代码")
                if _MARKUP.search(text)
                else view.say(f"has {len(text)} characters", f"长 {len(text)} 字")
                if len(text) > _LONGEST
                else ""
            )
            if reason:
                yield Finding(
                    (item.id,),
                    f"{tell(text)!r} {reason}",
                    view.say("rename it; exports make it safe", "改名；导出时已作安全处理"),
                    item.row,
                )
