"""Reading 8,000 rows of xlsx, against calamine alone."""

import os
import statistics

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.fields import fields
from tests.benchmarks.measure import repeats


@pytest.mark.bench
def test_reading_8000_rows(tmp_path, record):
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    labels = [field.label for field in fields().values()]
    for row in range(8001):
        for column in range(36):
            label = labels[column] if column < len(labels) else "备注"
            text = label if row == 0 else f"湖南省湘潭市雨湖区{row}{column}" if column % 5 == 0 else f"{column}本科"
            sheet.write_string(row, column, text)
    book.close()

    def alone():
        opened = CalamineWorkbook.from_path(str(path))
        return [opened.get_sheet_by_name(name).to_python() for name in opened.sheet_names]

    def ours():
        return read_table_file(read_content(path, tmp_path))

    ratios = [best(ours) / best(alone) for _ in range(repeats())]
    record("ours / calamine alone, CPU, best of 5", statistics.median(ratios), "times", at_most=1.5)


def best(run):
    times = []
    for _ in range(5):
        start = cpu()
        run()
        times.append(cpu() - start)
    return min(times)


def cpu():
    """Return the seconds of the processor that this process and its children took: a child opens the workbook."""
    return sum(os.times()[:4])
