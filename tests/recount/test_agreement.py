"""Page, index, overview, mail, xlsx and PDF of invented days: the same numbers, one by one."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import openpyxl
import pandas as pd
import pytest
from pypdf import PdfReader

from pipeline.cohort import Cohort
from pipeline.deliver.dashboard import staff_draft
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import open_run
from pipeline.render import college, figures, overview
from pipeline.render.figures import figure_alt_text
from pipeline.render.frames import TITLES, heading
from pipeline.render.headcount_files import write_headcount_pdf, write_headcount_xlsx
from pipeline.render.printed_headcount import COLUMNS
from pipeline.render.render_stage import write_index
from pipeline.render.tables_xlsx import write_tables_xlsx
from pipeline.states import states
from pipeline.tables import STATUSES
from pipeline.view.remaining_work import duties, month_day
from pipeline.view.run_tables import load_run
from tests.deliver.runs import make_cohort
from tests.recount import plain
from tests.render.invented_run import COLLEGES, SCHOOLS, make_run

SEEDS = (1, 3, 5)  # all done, nobody yet, a mixed day
MORE = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(101, 118)]


class Made(NamedTuple):
    cohort: Cohort
    run: Path
    as_of: date
    roster: pd.DataFrame

    def of(self, place: tuple[str, str]) -> pd.DataFrame:
        code, name = place
        return self.roster[(self.roster["school"] == SCHOOLS[code]) & (self.roster["college"] == name)]


@pytest.fixture(scope="module", params=[*SEEDS, *MORE])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small day of a seed: its own sizes, day and progress."""
    drawn = Random(request.param)
    folder = tmp_path_factory.mktemp("agree")
    cohort = make_cohort(folder, f'[[schools]]\ncode = "12649"\nname = "{SCHOOLS["12649"]}"\nregistry = "b.csv"\n')
    as_of = date(2016, 9, 20) + timedelta(days=drawn.choice([0, 3, 20, 41, 42, 61, 70]))
    sizes = {name: drawn.choice([1, 2, 17, 40]) for _, name in COLLEGES}
    progress = drawn.choice([0.0, 0.4, 0.9, 2.0])
    run = make_run(cohort.reports_folder, as_of, seed=request.param, sizes=sizes, progress=progress)
    return Made(cohort, run, as_of, pd.read_parquet(run / "tables" / "roster.parquet"))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def counted(roster: pd.DataFrame) -> dict[str, int]:
    """Return students by the word of their family of states, as bars and tiles show them."""
    families = roster["status"].map(lambda status: states()[status].family).value_counts()
    return {str(family): int(number) for family, number in families.items()}


@pytest.mark.parametrize("place", COLLEGES)
def test_page_sheet_and_paper_of_a_college(made: Made, place: tuple[str, str], tmp_path: Path):
    own = made.of(place)
    approved = int((own["status"] == "approved").sum())
    page = college.open_page(str(made.run), place[1], place[0])
    today = text_of(college.show_today(page).html)
    assert f"还差 {len(own) - approved} 人 共 {len(own)} 人" in today
    for family, number in counted(own).items():
        assert page.counts[family] == number
        assert re.search(rf"<b>{number}</b>", college.show_progress(page).html)
    submitted = int((own["status"] != "missing").sum())
    assert f"应有 {len(own)} 人，已提交 {submitted} 人，已通过 {approved} 人" in figure_alt_text(page.trend)
    for groups in (page.by_class(), page.by_major()):
        assert (groups["registered"].sum(), groups["done"].sum(), groups["left"].sum()) == (
            len(own), approved, len(own) - approved,
        )  # fmt: skip
    assert len(page.chase) == len(own) - approved
    headcount = college.headcount_of(page)
    write_headcount_xlsx(tmp_path / "a.xlsx", headcount)
    write_headcount_pdf(tmp_path / "a.pdf", headcount)
    total = [len(own), *((own["gender"] == sex).sum() for sex in "男女"), submitted]
    rest = [(own["status"] == name).sum() for name in ("awaiting", "approved", "missing")]
    said = list(headcount.total.numbers)
    assert said[:4] == total and said[5:8] == rest and list(COLUMNS)[5:8] == ["awaiting", "approved", "missing"]
    rows = list(openpyxl.load_workbook(tmp_path / "a.xlsx").active.iter_rows(values_only=True))
    (last,) = [row for row in rows if row[0] == "合计"]
    assert list(last[2:-1]) == said and last[-1] == ("是" if approved == len(own) else "否")
    words = re.sub(r"\s+", " ", "".join(p.extract_text() for p in PdfReader(tmp_path / "a.pdf").pages))
    assert f"合计 {' '.join(map(str, said))} {last[-1]}" in words
    assert re.sub(r"\s", "", f"合计{''.join(map(str, said))}{last[-1]}") in re.sub(
        r"\s", "", text_of(college.show_headcount(page).html)
    )


def test_what_is_drawn_on_page_and_in_mail(made: Made, monkeypatch: pytest.MonkeyPatch):
    """Words and last points of the picture are the numbers of the tables, approved and submitted apart."""
    drawn: list[dict[str, Any]] = []
    draw = figures.drawing
    monkeypatch.setattr(figures, "drawing", lambda name, data, **k: (drawn.append(data), draw(name, data, **k))[1])
    own = made.of(("10534", "土木工程学院"))
    submitted, approved = (own["status"] != "missing").sum(), (own["status"] == "approved").sum()
    college.show_trend(college.open_page(str(made.run), "土木工程学院", "10534"))
    _mails(made, ("10534", "土木工程学院"), classes=0)
    assert len(drawn) == 2
    for chart in drawn:
        heights = {word["text"]: word["at"][1] for word in chart["words"]}
        assert f"已提交 {submitted}" in heights and f"已通过 {approved}" in heights
        scale = (heights["0"] - heights[str(len(own))]) / len(own)
        assert {round((heights["0"] - y) / scale) for (_, y), _ in chart["dots"]} == {submitted, approved}


def _mails(made: Made, place: tuple[str, str], classes: int = 1) -> list[tuple[pd.DataFrame, str, str, bytes]]:
    """Return the students, HTML, text and attached list of the secretary's mail and of a class's counselor."""
    source, school = open_run(made.cohort, made.run), SCHOOLS[place[0]]
    own = made.of(place)
    secretary = Recipient("secretary", "a@example.edu.cn", ("李书记",), frozenset({(school, place[1])}))
    told = [(own, staff_draft(made.cohort, source, secretary, lambda _: ()).build())]
    for name, part in [*own.groupby("class_name")][:classes]:
        counselor = Recipient("counselor", "b@example.edu.cn", ("周老师",), frozenset({(school, place[1], name)}))
        told.append((part, staff_draft(made.cohort, source, counselor, lambda _: ()).build()))
    return [(own, one.html, one.text, one.attachments[0].content if one.attachments else b"") for own, one in told]


@pytest.mark.parametrize("place", list(COLLEGES)[1:])
def test_mail(made: Made, place: tuple[str, str]):
    for own, html, text, sheet in _mails(made, place):
        counts = dict.fromkeys(("done", "review", "verify", "fix", "missing"), 0) | counted(own)
        approved = int((own["status"] == "approved").sum())
        assert counts["done"] == approved
        assert f"已通过 {approved}/{len(own)}" in text
        assert (
            f"待审核 {counts['review']}，待核实 {counts['verify']}，待更正 {counts['fix']}，未提交 {counts['missing']}"
            in text
        )
        tiles = re.search(r"已通过 (\d+) 共 (\d+) 待审核 (\d+).*? 待更正 (\d+).*? 未提交 (\d+)", text_of(html))
        assert tiles and [int(n) for n in tiles.groups()] == [
            approved, len(own), counts["review"], counts["fix"], counts["missing"],
        ]  # fmt: skip
        if sheet:
            book = openpyxl.load_workbook(BytesIO(sheet)).active
            listed_ = [row[4] for row in book.iter_rows(min_row=4, values_only=True)]
            left = own[own["status"] != "approved"]
            assert sorted(listed_) == sorted(left["status"].map(STATUSES))
        else:
            assert approved == len(own)


def test_index_overview_and_tables(made: Made, tmp_path: Path):
    roster, run = made.roster, load_run(made.run)
    approved, left = (roster["status"] == "approved").sum(), (roster["status"] != "approved").sum()
    write_index(tmp_path / "index.html", run)
    index = text_of((tmp_path / "index.html").read_text(encoding="utf-8"))
    page = overview.open_overview(str(made.run))
    for html in (index, text_of(overview.show_today(page).html)):
        assert f"还差 {left} 人 共 {len(roster)} 人" in html
    assert page.trend.approved[-1][1] == approved
    for entry in page.entries:
        own = made.of((run.code_of(entry["school"]), entry["college"]))
        assert entry["total"] == len(own) and entry["left"] == (own["status"] != "approved").sum()
        assert re.search(rf"{entry['college']} .*?{entry['left'] or '–'} / {entry['total']} ", index)
    write_tables_xlsx(tmp_path / "t.xlsx", run)
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")[TITLES["roster"]]
    rows = list(sheet.iter_rows(values_only=True))
    column = [row[rows[0].index(heading("status"))] for row in rows[1:]]
    counts = roster["status"].map(STATUSES).value_counts().to_dict()
    assert pd.Series(column).value_counts().to_dict() == counts


def test_what_changed(made: Made):
    """比上次变了什么 on the page of a college, and of all on the overview."""
    earlier = pd.read_parquet(_before(made) / "tables" / "roster.parquet")
    names = {"school": "学校名称", "student_number": "学号"}
    wanted = {
        (STATUSES[then], STATUSES[now]): number
        for (then, now), number in plain.moves(earlier.rename(columns=names), made.roster.rename(columns=names)).items()
    }
    said: Counter[tuple[str, str]] = Counter()
    for code, name in COLLEGES:
        said.update(_moves(college.show_changes(college.open_page(str(made.run), name, code)).html))
    of_all = overview.show_changes(overview.open_overview(str(made.run)))
    assert of_all is not None
    assert dict(said) == wanted == _moves(of_all.html)


def _before(made: Made) -> Path:
    """Write the run before, three days earlier, once."""
    sizes = {name: len(made.of((code, name))) for code, name in COLLEGES}
    day = made.as_of - timedelta(days=3)
    return make_run(made.cohort.reports_folder, day, seed=len(made.roster), sizes=sizes, progress=0.5)


def _moves(html: str) -> dict[tuple[str, str], int]:
    rows = re.findall(r"<tr[^>]*><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td><td[^>]*><b>(\d+)</b>", html)
    words = [(re.sub(r"<[^>]+>", "", cell).split()[-1] for cell in cells) for *cells, _ in rows]
    return {(then, now): int(row[-1]) for (then, now), row in zip(map(tuple, words), rows, strict=True)}


def test_days_and_words_of_the_deadline(made: Made):
    page = college.open_page(str(made.run), "土木工程学院", "10534")
    html = text_of(college.show_today(page).html)
    if page.remaining:
        binding = duties(page.statuses, page.as_of, page.window)[0].due
        days = (binding - made.as_of).days
        said = f"还有 {days} 天" if days > 0 else "今天截止" if days == 0 else f"已过 {-days} 天"
        assert said in html and month_day(binding) in html
