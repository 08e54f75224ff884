"""What failed is tried again later and later, and at once when it has changed."""

from models.backoff import Backoff


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_a_minute() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    pauses = []
    for _ in range(8):
        backoff.failed("m", "it is damaged")
        began = clock.now
        while backoff.refusal("m"):
            clock.now += 1
        pauses.append(clock.now - began)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_refusal_repeats_the_reason_and_says_when() -> None:
    backoff = Backoff(Clock())
    assert backoff.refusal("m") == ""
    backoff.failed("m", "it is damaged")
    assert backoff.refusal("m") == "it is damaged; it failed just now and is tried again in 2 s"
    backoff.failed("m", "it is damaged")
    assert backoff.refusal("m") == "it is damaged; it failed just now (2 times in a row) and is tried again in 4 s"
    assert backoff.refusal("other") == ""


def test_success_and_change_end_it() -> None:
    backoff = Backoff(Clock())
    backoff.failed("m", "bad", state=1)
    backoff.failed("m", "bad", state=1)
    assert backoff.refusal("m", state=2) == ""
    backoff.failed("m", "bad", state=2)
    assert "in 2 s" in backoff.refusal("m", state=2)
    backoff.succeeded("m")
    assert backoff.refusal("m", state=2) == ""


def test_the_reason_stays_until_it_succeeds_or_changes() -> None:
    backoff = Backoff(Clock())
    backoff.failed("m", "it is damaged", "one")
    assert (backoff.reason("m", "one"), backoff.reason("m", "two"), backoff.reason("n")) == ("it is damaged", "", "")
    backoff.succeeded("m")
    assert backoff.reason("m", "one") == ""
