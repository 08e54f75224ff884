"""What only the llama.cpp engine guarantees: cache reuse, progress, cancel inside prefill, clear errors."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ContextTooLarge, EngineFailed, ModelUnavailable
from models.llama.engine import LlamaEngine
from models.llama.options import LlamaOptions
from models.types import Delta, Message, ModelSpec, Prompt, Sampling, Segment
from tests.minimal_models import write_minimal_mamba
from tests.shapes import SHAPES, made
from tests.tiny_gguf import CODELLAMA, LLAMA3, PHI3

pytestmark = pytest.mark.process

GREEDY = Sampling(max_tokens=24, temperature=0)
SPEC = ModelSpec("phi3-mini", (PHI3.filename,), context_length=2048, threads=1)
LONG = "def scan(path): return [entry for entry in path.iterdir()]\n" * 60


def ask(text: str, *more: str, stop: tuple[str, ...] = ()) -> Prompt:
    segments = [Segment("<|user|>\n", True), Segment(text, False), Segment("<|end|>\n<|assistant|>\n", True)]
    for answer in more:
        segments += [Segment(answer, False), Segment("<|end|>\n<|user|>\nAnd?<|end|>\n<|assistant|>\n", True)]
    return Prompt(tuple(segments), text, stop=stop)


async def collect(engine: LlamaEngine, prompt: Prompt, sampling: Sampling = GREEDY) -> tuple[str, Delta, list[Delta]]:
    deltas = [delta async for delta in engine.stream(prompt, sampling)]
    return "".join(delta.text for delta in deltas), deltas[-1], deltas


async def count(engine: LlamaEngine, prompt: Prompt) -> int:
    return await asyncio.to_thread(engine.count_tokens, prompt.segments)


@pytest.fixture
async def engine() -> AsyncIterator[LlamaEngine]:
    found = await LlamaEngine.start(SPEC, PHI3.path)
    yield found
    await found.close()


async def test_an_engine_has_the_facts_of_its_file(engine: LlamaEngine) -> None:
    assert (engine.name, engine.context_length) == ("phi3-mini", 2048)
    assert (engine.bos, engine.eos) == ("<s>", "<|endoftext|>")
    assert engine.chat_template == PHI3.chat_template


async def test_progress_comes_before_the_first_text_and_only_grows(engine: LlamaEngine) -> None:
    prompt = ask(LONG)
    total = await count(engine, prompt)
    _, _, deltas = await collect(engine, prompt)
    progress = [delta.progress for delta in deltas if delta.progress]
    assert progress[0] == (0, total)
    assert progress == sorted(progress)
    assert all(delta.progress for delta in deltas[: len(progress)])


async def test_the_next_turn_evaluates_only_what_is_new_and_answers_the_same(engine: LlamaEngine) -> None:
    first = ask("What is a hit?")
    answer, last, _ = await collect(engine, first)
    shared = await count(engine, first)
    assert last.usage is not None
    assert (last.usage.prompt, last.usage.cached) == (shared, 0)
    second = ask("What is a hit?", "A chunk that answers.")
    warm, last, _ = await collect(engine, second)
    assert last.usage is not None
    assert shared <= last.usage.cached < last.usage.prompt == await count(engine, second)
    await collect(engine, ask("Something else entirely"))
    assert (await collect(engine, second))[0] == warm
    assert (await collect(engine, first))[0] == answer


async def test_the_same_prompt_again_evaluates_one_token(engine: LlamaEngine) -> None:
    await collect(engine, ask("x"))
    _, last, _ = await collect(engine, ask("x"))
    assert last.usage is not None
    assert last.usage.cached == last.usage.prompt - 1


async def test_a_seed_repeats_its_tokens_and_another_does_not(engine: LlamaEngine) -> None:
    warm = Sampling(max_tokens=24, temperature=1.5, top_p=1.0, seed=7)
    one, two = [(await collect(engine, ask("x"), warm))[0] for _ in range(2)]
    other = (await collect(engine, ask("x"), replace(warm, seed=8)))[0]
    assert one == two != other


async def test_a_stop_text_ends_the_answer_and_is_never_shown(engine: LlamaEngine) -> None:
    whole, _, _ = await collect(engine, ask("x"))
    stop = whole[9:16]
    text, last, deltas = await collect(engine, ask("x", stop=(stop,)))
    assert text == whole[: whole.index(stop)]
    assert last.reason == "stop"
    assert all(stop[:1] not in delta.text or stop not in delta.text for delta in deltas)


async def test_stop_texts_of_the_catalogue_count_too() -> None:
    plain = await LlamaEngine.start(SPEC, PHI3.path)
    whole, _, _ = await collect(plain, ask("x"))
    await plain.close()
    stopping = await LlamaEngine.start(replace(SPEC, stop=(whole[5:9],)), PHI3.path)
    text, last, _ = await collect(stopping, ask("x"))
    await stopping.close()
    assert (text, last.reason) == (whole[: whole.index(whole[5:9])], "stop")


async def test_an_end_mark_in_ordinary_tokens_is_text(engine: LlamaEngine) -> None:
    """As in an answer about chat templates or HTML."""
    written = "<|end|> and </s>"
    prompt = ask("x", stop=("<|end|>", "</s>"))
    schema = Sampling(max_tokens=60, temperature=0, json_schema=f'{{"enum": ["{written}"]}}')
    text, last, _ = await collect(engine, prompt, schema)
    assert (text, last.reason) == (f'"{written}"', "stop")
    stopping, last, _ = await collect(engine, prompt, replace(schema, stop=("<|end|>",)))  # the user's own is text
    assert (stopping, last.reason) == ('"', "stop")


async def test_an_answer_that_repeats_itself_ends_with_a_notice(tmp_path: Path) -> None:
    """This model repeats itself sooner or later; only conversations are filtered."""
    write_minimal_mamba(tmp_path / "minimal.gguf")
    engine = await LlamaEngine.start(ModelSpec("minimal", ("minimal.gguf",), threads=1), tmp_path / "minimal.gguf")
    long, prompt = Sampling(max_tokens=400, temperature=0), Prompt((Segment("What is a hit?", False),), "")
    whole, alone, _ = await collect(engine, prompt, long)
    text, last, _ = await collect(engine, replace(prompt, messages=(Message("user", "What is a hit?"),)), long)
    await engine.close()
    assert (alone.reason, alone.notice) == ("length", "")
    assert (last.reason, last.notice) == ("stop", "The answer was ended because it repeated itself.")
    assert last.usage is not None
    assert 0 < last.usage.completion < 400
    assert whole.startswith(text)


async def test_a_full_context_ends_with_length() -> None:
    small = await LlamaEngine.start(SPEC, PHI3.path, LlamaOptions(context_length=256))
    prompt = ask(LONG[:400])
    _, last, _ = await collect(small, prompt, Sampling(max_tokens=10_000, temperature=0))
    await small.close()
    assert last.usage is not None
    assert last.reason == "length"
    assert last.usage.prompt + last.usage.completion == 256


async def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(engine: LlamaEngine) -> None:
    prompt = ask(LONG * 5)
    with pytest.raises(ContextTooLarge) as caught:
        await collect(engine, prompt)
    assert (caught.value.tokens, caught.value.limit) == (await count(engine, prompt), 2047)
    assert (await collect(engine, ask("x")))[1].reason == "length"


async def test_cancel_inside_prefill_stops_it_and_leaves_a_usable_cache(engine: LlamaEngine) -> None:
    prompt = ask("while scanning(): pass\n" * 200)
    stream = engine.stream(prompt, GREEDY)
    assert (await anext(stream)).progress is not None
    await stream.aclose()
    await collect(engine, ask("y"), Sampling(max_tokens=1))
    cached = await asyncio.to_thread(engine.cached_tokens, prompt.segments)
    assert cached < await count(engine, prompt) - 1  # the rest was not evaluated
    fresh = await LlamaEngine.start(SPEC, PHI3.path)
    assert (await collect(engine, prompt))[0] == (await collect(fresh, prompt))[0]
    await fresh.close()


async def test_cancelling_the_task_frees_the_engine(engine: LlamaEngine) -> None:
    has_begun = asyncio.Event()

    async def consume() -> None:
        async for _ in engine.stream(ask("x"), Sampling(max_tokens=1900, temperature=0)):
            has_begun.set()

    task = asyncio.create_task(consume())
    await has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await collect(engine, ask("y")))[1].reason == "length"


async def test_closing_ends_a_running_stream_as_cancelled() -> None:
    engine = await LlamaEngine.start(SPEC, PHI3.path)
    stream = engine.stream(ask("x"), Sampling(max_tokens=1900, temperature=0))
    seen = [await anext(stream) for _ in range(3)]
    await engine.close()
    seen += [delta async for delta in stream]
    assert [delta.reason for delta in seen if delta.reason] == ["cancelled"]
    with pytest.raises(EngineFailed, match="closed"):
        await count(engine, ask("x"))


async def test_zero_answer_tokens_only_prefills(engine: LlamaEngine) -> None:
    text, last, _ = await collect(engine, ask("x"), Sampling(max_tokens=0))
    assert (text, last.reason) == ("", "length")
    _, last, _ = await collect(engine, ask("x"))
    assert last.usage is not None
    assert last.usage.cached == last.usage.prompt - 1


async def test_the_context_is_no_longer_than_the_model_was_trained_for() -> None:
    engine = await LlamaEngine.start(SPEC, CODELLAMA.path, LlamaOptions(context_length=1 << 20))
    await engine.close()
    assert engine.context_length == CODELLAMA.context_length


async def test_a_vocabulary_is_no_model() -> None:
    with pytest.raises(ModelUnavailable, match="vocabulary without a model"):
        await LlamaEngine.start(SPEC, LLAMA3.vocabulary_path)


async def test_a_damaged_file_is_refused_before_llama_cpp_sees_it(tmp_path: Path) -> None:
    file = tmp_path / "half.gguf"
    file.write_bytes(PHI3.path.read_bytes()[:2_000_000])
    with pytest.raises(ModelUnavailable, match=r"ends after 2 MB of 9\.02 MB: download it again"):
        await LlamaEngine.start(SPEC, file)


async def test_cancelling_a_queued_stream_leaves_the_cache_alone(engine: LlamaEngine) -> None:
    for loops in (0, 1, 10):  # of the event loop until it is cancelled
        running = asyncio.create_task(collect(engine, ask("x"), Sampling(max_tokens=200, temperature=0)))
        queued = asyncio.create_task(collect(engine, ask(LONG[:600])))
        for _ in range(loops):
            await asyncio.sleep(0)
        queued.cancel()
        await asyncio.wait([running, queued])
    _, last, _ = await collect(engine, ask("x"))
    assert last.usage is not None
    assert last.usage.cached == last.usage.prompt - 1


async def test_an_answer_is_not_evaluated_again_even_if_the_tokenizer_would_split_it_otherwise(
    engine: LlamaEngine,
) -> None:
    first = ask("What is a hit?")
    warm = Sampling(max_tokens=200, temperature=2.0, top_p=1.0, seed=3)
    answer, last, _ = await collect(engine, first, warm)
    assert last.usage is not None
    in_cells = last.usage.prompt + last.usage.completion - 1  # the last sampled token is never evaluated
    reply = Segment(answer.strip(), False, from_model=True)
    more = Segment("<|end|>\n<|user|>\nAnd?<|end|>\n<|assistant|>\n", True)
    await collect(engine, ask("Something else entirely"))
    _, again, _ = await collect(engine, Prompt((*first.segments, reply, more), "And?"))
    assert again.usage is not None
    assert again.usage.cached == in_cells
    recounted = await count(engine, Prompt((*first.segments, replace(reply, from_model=False), more), "And?"))
    assert recounted != again.usage.prompt  # the tokenizer would have cut it otherwise


async def test_concurrent_answers_equal_those_of_each_alone(engine: LlamaEngine) -> None:
    prompts = [ask(f"What is hit {n}? {LONG[: 100 * n]}") for n in range(10)]
    together = await asyncio.gather(*(collect(engine, prompt) for prompt in prompts))
    fresh = await LlamaEngine.start(SPEC, PHI3.path)
    alone = [await collect(fresh, prompt) for prompt in prompts]
    await fresh.close()
    assert [text for text, _, _ in together] == [text for text, _, _ in alone]


async def test_a_quantised_cache_answers_and_continues() -> None:
    engine = await LlamaEngine.start(SPEC, made(SHAPES["tiny"]), LlamaOptions(kv_type="q8_0"))  # its blocks are of 32
    first, last, _ = await collect(engine, ask("What is a hit?"))
    await collect(engine, ask("unrelated"))
    again, repeated, _ = await collect(engine, ask("What is a hit?"))
    await engine.close()
    assert last.usage is not None
    assert repeated.usage is not None
    assert (again, repeated.usage.cached) == (first, last.usage.prompt - 1)


async def test_accepted_drafts_are_counted_and_change_nothing(engine: LlamaEngine) -> None:
    reply, last, _ = await collect(engine, ask("x"), Sampling(max_tokens=400, temperature=0))
    assert last.usage is not None
    assert 0 < last.usage.accepted <= last.usage.drafted  # it says the same again and again
    assert last.usage.completion == 400
    step_by_step, _, _ = await collect(engine, ask("x"), Sampling(max_tokens=8, temperature=0))
    assert reply.startswith(step_by_step)
