"""What the safety filter tells: a text for people in English or Chinese, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError
from .filter import SafetyVerdict

LANGUAGES = ("en", "zh")

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "nothing": "Safety filter: no picture was checked.",
        "summary": "Safety filter: {flagged} of {count} pictures flagged.",
        "line": "{kind} {number}: {model}, level {level}, "
        "score {score:.3f}, limit {limit:.3f}: {end}",
        "unread": "{kind} {number}: {model}, level {level}, no readable score: {end}",
        "off": "{kind} {number}: not checked, the level is off",
        "person": "person",
        "garment": "garment",
        "result": "result",
        "strict": "strict",
        "standard": "standard",
        "catalogue": "catalogue",
        "passed": "passed",
        "error": "flagged, run stopped",
        "blur": "flagged, blurred",
        "blank": "flagged, blanked",
        "flag": "flagged, passed on as it is",
    },
    "zh": {
        "nothing": "安全过滤：没有检查任何图片。",
        "summary": "安全过滤：{count} 张图片中有 {flagged} 张被标记。",
        "line": "{kind} {number}：{model}，级别“{level}”，"
        "得分 {score:.3f}，阈值 {limit:.3f}：{end}",
        "unread": "{kind} {number}：{model}，级别“{level}”，得分无法读取：{end}",
        "off": "{kind} {number}：未检查，级别为“关闭”",
        "person": "人物",
        "garment": "服装",
        "result": "结果",
        "strict": "严格",
        "standard": "标准",
        "catalogue": "商品目录",
        "passed": "通过",
        "error": "被标记，运行已停止",
        "blur": "被标记，已模糊",
        "blank": "被标记，已替换为空白",
        "flag": "被标记，原样放行",
    },
}


@dataclass(frozen=True)
class SafetyReport:
    """Every verdict of a run, of one kind of picture or of several.

    action: what became of flagged pictures, one of safety.ACTIONS.
    """

    verdicts: tuple[SafetyVerdict, ...]
    action: str

    @property
    def flagged(self) -> bool:
        """Whether any picture was over its limit."""
        return any(self.flags)

    @property
    def flags(self) -> tuple[bool, ...]:
        """Per picture, in the order of the verdicts."""
        return tuple(verdict.flagged for verdict in self.verdicts)

    @property
    def scores(self) -> tuple[float | None, ...]:
        """Per picture; None where it was not checked."""
        return tuple(verdict.score for verdict in self.verdicts)

    def joined(self, others: Sequence[SafetyReport]) -> SafetyReport:
        """One report for all pictures of a run: persons, garments, results."""
        verdicts = [verdict for report in (self, *others) for verdict in report.verdicts]
        return SafetyReport(tuple(verdicts), self.action)

    def text(self, language: str = "en") -> str:
        """A summary and one line per picture; numbers from 1. language: "en" or "zh"."""
        if language not in WORDS:
            raise InputError(
                f"The report is written in {' or '.join(LANGUAGES)}, not in {language!r}."
            )
        words = WORDS[language]
        if not any(verdict.score is not None for verdict in self.verdicts):
            summary = words["nothing"]
        else:
            checked = sum(verdict.score is not None for verdict in self.verdicts)
            summary = words["summary"].format(flagged=sum(self.flags), count=checked)
        return "\n".join([summary, *(self._line(verdict, words) for verdict in self.verdicts)])

    def _line(self, verdict: SafetyVerdict, words: dict[str, str]) -> str:
        kind, number = words[verdict.kind], verdict.number
        if verdict.score is None:
            return words["off"].format(kind=kind, number=number)
        line = words["unread" if math.isnan(verdict.score) else "line"]
        return line.format(
            kind=kind,
            number=number,
            model=verdict.model,
            level=words[verdict.level],
            score=verdict.score,
            limit=verdict.limit,
            end=words[self.action if verdict.flagged else "passed"],
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values: flagged, action and the verdicts; a score that is no number is None."""
        verdicts = [asdict(verdict) for verdict in self.verdicts]
        for verdict in verdicts:
            for key in ("score", "whole"):
                if verdict[key] is not None and math.isnan(verdict[key]):
                    verdict[key] = None
        return {"flagged": self.flagged, "action": self.action, "pictures": verdicts}

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False)
