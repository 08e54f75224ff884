"""One-use codes: alive once, for ten minutes, a few at a time."""

from backend.signin import EXPIRES_S, SignInCodes


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_code_is_redeemed_once() -> None:
    codes = SignInCodes()
    code = codes.new()
    assert (len(code), code.isalnum()) == (32, True)
    assert [codes.redeem(code), codes.redeem(code), codes.redeem(""), codes.redeem("é")] == [True, False, False, False]


def test_a_code_expires() -> None:
    clock = Clock()
    codes = SignInCodes(clock)
    early, late = codes.new(), codes.new()
    clock.now += EXPIRES_S - 1
    assert codes.redeem(early)
    clock.now += 1
    assert not codes.redeem(late)


def test_a_few_codes_are_alive() -> None:
    codes = SignInCodes()
    made = [codes.new() for _ in range(10)]
    assert len(set(made)) == 10
    assert [codes.redeem(code) for code in made] == [False, False, *[True] * 8]


def test_wrong_codes_are_limited_for_a_second() -> None:
    clock = Clock()
    codes = SignInCodes(clock)
    for _ in range(5):
        assert not codes.is_limited
        codes.redeem("wrong")
    assert codes.is_limited
    clock.now += 1
    assert not codes.is_limited
