"""Definitions in code of any language, and lines with the name that are none."""

import pytest

from indexer.parsing.worded_definitions import worded_definitions


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("    function lockUp(uint256 amount) external onlyOwner {", "function"),  # Solidity
        ("  func lockUp(_ days: Int) -> Bool {", "function"),  # Swift
        ("pub fn lockUp(days: u8) void {", "function"),  # Zig
        ("  def lockUp(days: Int): Unit =", "function"),  # Scala
        ("sub lockUp {", "function"),  # Perl
        ("function M.lockUp(days)", "function"),  # Lua
        ("  defp lockUp(days) do", "function"),  # Elixir
        ("CREATE OR REPLACE FUNCTION lockUp(days int) RETURNS int AS $$", "function"),
        ("CREATE TABLE IF NOT EXISTS lockUp (", "class"),
        ("  Future<void> lockUp(int days) async {", "function"),  # Dart
        ("void lockUp(int pin, void (*done)(int))\n{", "function"),  # Arduino
        ("static inline std::vector<int> *lockUp() noexcept {", "function"),
        ("abstract contract lockUp is Ownable {", "class"),
        ("const lockUp = struct {", "constant"),
        ("lockUp <- function(days) {", "constant"),  # R
        ("lockUp :: Int -> Bool", "constant"),  # Haskell
        ("#define lockUp(x) x", "constant"),
        ("  lockUp(5);", ""),
        ("  return lockUp(5) {", ""),
        ("  } else if lockUp(5) {", ""),
        ("  await lockUp(5);", ""),
        ("  x = lockUp", ""),
        ("  int days = lockUp(5);", ""),
        ("  int lockUp(int days);", ""),  # only declared
        ("// function lockUp(days)", ""),
        (" * def lockUp is old", ""),
        ("  lockUp == 5", ""),
        ("function lockUpAll() {", ""),
        ("  my lockUp works {", ""),
    ],
)
def test_kind(line: str, kind: str) -> None:
    found = list(worded_definitions(f"first\n{line}\nlast\n", "lockUp"))
    assert [(symbol.kind, symbol.start_line) for symbol in found] == ([(kind, 2)] if kind else [])


def test_the_line_is_its_signature() -> None:
    text = "\n\tfunction lockUp(uint  amount)\n\t\texternal {\n\nlockUp(1)\n\nfunc lockUp() {}\n"
    assert [(s.name, s.start_line, s.signature) for s in worded_definitions(text, "lockUp")] == [
        ("lockUp", 2, "function lockUp(uint amount)"),
        ("lockUp", 7, "func lockUp() {}"),
    ]
