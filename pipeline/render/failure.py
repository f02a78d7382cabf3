"""The page that stands where a page could not be made: it says so and shows no figure."""

from __future__ import annotations

from html import escape
from pathlib import Path

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{title} 未能生成</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
</head><body style="font:16px/1.7 'PingFang SC','Microsoft YaHei',sans-serif;max-width:40em;margin:3em auto;padding:0 1em">
<h1 style="font-size:1.4em">这一页未能生成</h1>
<p>{title}</p><p>原因：{reason}</p>
<p>其他页面不受影响。请就业办重新运行 mingce run；若仍然如此，请把这一页交给维护人员。</p>
</body></html>
"""


def write_failure_page(path: Path, name: str, reason: str) -> None:
    """Write the page `path`, saying that `name` could not be made and why (Chinese, no personal data)."""
    path.write_text(_PAGE.format(title=escape(name), reason=escape(reason)), encoding="utf-8")
