"""What the collection workbook says of each field: an example and how to fill it in."""

from __future__ import annotations

EXAMPLE_MONTH = "2017-06"  # where no cohort says which

EXAMPLES: dict[str, str] = {
    "submitted_at": "2016-10-08 21:30",
    "school": "（学校全称）",
    "email": "10001@qq.com",
    "id_number": "11010519491231002X",
    "education_level": "本科",
    "graduation_month": "{month}",
    "name": "示例：张三",
    "gender": "男",
    "ethnicity": "汉族",
    "political_status": "共青团员",
    "origin_province": "湖南省",
    "origin_city": "湘潭市",
    "origin_county": "雨湖区",
    "exam_number": "13430300000000",
    "exam_category": "城镇应届",
    "college": "土木工程学院",
    "class_name": "13土木工程1班",
    "major": "土木工程",
    "student_number": "1300000000",
    "enrolment_month": "2013-09",
    "study_years": "4",
    "teacher_training": "否",
    "training_mode": "非定向",
    "commissioning_unit": "",
    "foreign_language": "英语",
    "hardship_category": "非困难生",
    "qq": "10001",
    "phone": "13800000000",
    "family_phone": "0731-50000000",
    "postcode": "411201",
    "home_province": "湖南省",
    "home_city": "湘潭市",
    "home_county": "雨湖区",
    "home_address": "桃园路1号1栋101室",
    "photo": "1300000000.jpg",
}

HINTS: dict[str, str] = {
    "submitted_at": "可以不填。重新填写时写上时间，以最后一次为准。",
    "school": "决定到哪所学校的学籍库核对，请从下拉框选择。",
    "email": "常用邮箱，建议 QQ 邮箱，用半角字符。",
    "id_number": "18 位，末位是字母的写大写 X。这一列已设为文本，请直接输入，不要从别处带格式粘贴。",
    "education_level": "从下拉框选择。",
    "graduation_month": "写作 {month}。本科、专科统一填 {month}；研究生填实际月份。",
    "name": "与身份证一致。少数民族姓名中间用“·”。",
    "ethnicity": "从下拉框选择，写全称，如 苗族。",
    "political_status": "按现在的情况选择。",
    "origin_province": "入学前户口所在的省，写全称，如 湖南省。",
    "origin_city": "入学前户口所在的市（州），写全称，如 湘潭市。",
    "origin_county": "入学前户口所在的县（区），写全称。",
    "exam_number": "高考考生号，一般 14 位；研究生按录取材料填写。",
    "exam_category": "从下拉框选择。",
    "college": "写学院全称。",
    "class_name": "写完整班级名，如 13土木工程1班。专业由班级决定。",
    "major": "可以不填，由班级决定。",
    "student_number": "与校园卡一致。",
    "enrolment_month": "写作 2013-09。",
    "study_years": "只写数字，如 4、2.5。",
    "training_mode": "从下拉框选择；定向、委培的还要填单位。",
    "commissioning_unit": "只有定向、委培的填写单位全称，其他人留空。",
    "qq": "5 到 11 位数字。",
    "phone": "本人 11 位手机号。",
    "family_phone": "手机号，或带区号的固定电话，如 0731-58290000。",
    "postcode": "6 位数字。",
    "home_province": "写全称，如 湖南省。",
    "home_city": "写全称，如 湘潭市。",
    "home_county": "写全称，如 雨湖区。",
    "home_address": "写到门牌号，至少 6 个字。",
    "photo": "照片文件名，如 学号.jpg；照片放进照片文件夹，不超过 200 KB。",
}

# Characters that a number column must have: (at least, at most)
LENGTHS: dict[str, tuple[int, int]] = {
    "id_number": (18, 18),
    "phone": (11, 11),
    "postcode": (6, 6),
    "qq": (5, 11),
    "student_number": (4, 15),
}

WIDTHS: dict[str, int] = {
    "submitted_at": 17, "school": 22, "email": 24, "id_number": 22, "name": 13, "gender": 7, "ethnicity": 10,
    "exam_number": 18, "college": 22, "class_name": 20, "major": 20, "student_number": 16, "study_years": 8,
    "commissioning_unit": 20, "hardship_category": 20, "qq": 14, "phone": 15, "family_phone": 17, "home_address": 34,
    "photo": 18,
}  # fmt: skip

PAGES: dict[str, tuple[str, str]] = {
    "entry": ("一、登记", "#1F4E79"),
    "identity": ("二、身份", "#2E6B5E"),
    "record": ("三、学籍", "#7A4B1E"),
    "contact": ("四、联系方式", "#5B3A73"),
}


def hint_of(name: str, month: str) -> str:
    """Return what is said of a field; `month` is the one that the cohort sets for undergraduates."""
    return HINTS.get(name, "").replace("{month}", month)
