"""Bytes -> text: marks, declarations and guesses; binary data stays out."""

import codecs

import pytest

from indexer.files.content.encodings import decode

JAPANESE = "# 売上を集計する関数です。税込みの金額を返します。\ndef total(x):\n    return x\n"
CHINESE = "# 计算订单的退款金额，并写入审计日志。\ndef refund(x):\n    return x\n"
TAIWANESE = "# 計算訂單的退款金額，並寫入審計日誌。\ndef refund(x):\n    return x\n"
KOREAN = "# 재고가 부족하면 주문을 거절한다. 창고 사이에서 상자를 옮긴다.\ndef reject(x):\n    return x\n"
RUSSIAN = "# Складывает строки заказа и считает сумму\ndef total(x):\n    return x\n"
GERMAN = "# „Löst“ eine Nachbestellung aus – für größere Bücher\ndef order(x):\n    return x\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfhello", "hello"),
        ("größe".encode("utf-16"), "größe"),
        ("größe".encode(), "größe"),
        ("die größe zählt".encode("latin-1"), "die größe zählt"),
        (b"", ""),
        (b"a\0b", None),
        (b"\x80\x81\x82\xff\xfe", None),
        (b"x" * 9000 + b"\0", "x" * 9000 + "\N{REPLACEMENT CHARACTER}"),
        (b"/* stray */ " * 9 + b"\0", "/* stray */ " * 9 + "\N{REPLACEMENT CHARACTER}"),
        (codecs.BOM_UTF32_LE + "class A".encode("utf-32-le"), "class A"),
        (codecs.BOM_UTF32_BE + "class A".encode("utf-32-be"), "class A"),
        ("class Größe {}".encode("utf-16-le"), "class Größe {}"),
        ("class Größe {}".encode("utf-16-be"), "class Größe {}"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"text" * 20, None),
        (b"\x89PNG\r\n\x1a\n" + b"some text of a header, and \xff\xd8" * 9 + b"\0", None),
    ],
)
def test_decode(data: bytes, text: str | None) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (TAIWANESE, "big5"),
        (KOREAN, "cp949"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (GERMAN, "cp1252"),
    ],
)
def test_an_encoding_is_guessed(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "declaration",
    [
        "# -*- coding: iso8859-7 -*-",
        "# vim: set fileencoding=iso-8859-7 :",
        '<?xml version="1.0" encoding="ISO-8859-7"?>',
    ],
)
def test_a_declared_encoding_is_not_guessed(declaration: str) -> None:
    text = f"{declaration}\n# Υπολογίζει το σύνολο\n"
    assert decode(text.encode("iso8859-7")) == text


@pytest.mark.parametrize("name", ["rot13", "hex", "no-such-codec", "unicode_escape", "utf-8"])
def test_what_is_declared_but_no_encoding_of_texts_is_guessed(name: str) -> None:
    text = f"# coding: {name}\n# für größere Bücher\n"
    assert decode(text.encode("cp1252")) == text


def test_lines_of_two_encodings_in_one_file() -> None:
    assert decode("# café\n".encode("latin-1") + "# über\n".encode()) == "# café\n# über\n"
