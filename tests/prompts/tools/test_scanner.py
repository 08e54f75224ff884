"""The JSON object of one call as it grows."""

import pytest

from prompts.tools.scanner import CallScanner


def scanned(text: str) -> tuple[CallScanner, str]:
    """The scanner after a text, and what of the text does not belong to the object."""
    scanner = CallScanner()
    for place, letter in enumerate(text):
        if not scanner.feed(letter):
            return scanner, text[place:]
        if scanner.is_done:
            return scanner, text[place + 1 :]
    return scanner, ""


@pytest.mark.parametrize(
    ("text", "name", "arguments", "rest"),
    [
        ('{"name": "f", "arguments": {"a": [1, {"b": "}"}]}} x', "f", '{"a": [1, {"b": "}"}]}', " x"),
        ('{"parameters": {}, "name": "f"}', "f", "{}", ""),
        ('{"function": "f", "arguments": "{\\"a\\": 1}"}', "f", '{"a": 1}', ""),
        ('{"type": "function", "id": "1", "name": "f"}', "f", "", ""),
        ('{"name": "f", "arguments": {"a": "\\"<{"}</tool_call>', "f", '{"a": "\\"<{"}', "</tool_call>"),
        ('{"name": "f", "arguments": {"a": {"b": 1}\n<', "f", '{"a": {"b": 1}}', "<"),
    ],
)
def test_name_and_arguments_are_found(text: str, name: str, arguments: str, rest: str) -> None:
    scanner, after = scanned(text)
    assert (scanner.name, scanner.arguments, after) == (name, arguments, rest)
    assert scanner.is_done
    assert not scanner.is_odd


def test_arguments_are_there_before_they_are_complete() -> None:
    scanner, _ = scanned('{"name": "f", "arguments": {"a": "b')
    assert (scanner.name, scanner.arguments, scanner.is_done) == ("f", '{"a": "b', False)


@pytest.mark.parametrize("text", ['{"name": "f", "size": ', '{"a": ', "{1, ", "{x: "])
def test_what_is_no_call_is_odd(text: str) -> None:
    assert scanned(text)[0].is_odd


def test_an_object_may_be_all_arguments() -> None:
    scanner = CallScanner.of_arguments()
    complete = [scanner.feed(letter) and scanner.has_all_arguments for letter in '{"a": {"b": 1}}']
    assert (complete.index(True), scanner.arguments) == (14, '{"a": {"b": 1}}')
