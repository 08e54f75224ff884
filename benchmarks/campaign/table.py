"""The faults of the campaign: what is tried, and how often, in `make soak` and in `make soak-quick`."""

from benchmarks.campaign import connections, frames, kills, parsers, questions, sessions, storage, trees
from benchmarks.campaign.trial import Fault

HEALTH = "GET /health"

FAULTS = (
    Fault("schemathesis on OpenAPI", HEALTH, frames.openapi, 5000, 200),
    Fault("damaged WebSocket frames", HEALTH, frames.mutated, 50_000, 1000),
    Fault("vanishing clients", HEALTH, connections.vanishing, 200, 10),
    Fault("slow readers", HEALTH, connections.slow_readers, 8, 2),
    Fault("floods of headers", HEALTH, connections.header_floods, 50, 4),
    Fault("idle connections", HEALTH, connections.idle, 1500, 1100),
    Fault("questions at once", HEALTH, sessions.concurrent, 300, 60),
    Fault("questions in a row", "an answer", sessions.memory, 2000, 100),
    Fault("connections that drop", "", sessions.dropped, 100, 2),
    Fault("kill -9", "start", kills.kill_9, 200, 5),
    Fault("kill -9 of index jobs", "", kills.index_jobs, 200, 4),
    Fault("SIGTERM", "SIGTERM to the end", kills.sigterm, 40, 4),
    Fault("parser bombs, indexed", HEALTH, parsers.indexed, 2000, 40),
    Fault("parser bombs, unsaved text", HEALTH, parsers.attached, 600, 20),
    Fault("hostile questions", HEALTH, questions.asked, 1000, 60),
    Fault("hostile attachments", HEALTH, questions.attached, 100, 100),
    Fault("hostile ignore rules", HEALTH, questions.ignored, 100, 8),
    Fault("hostile folders", HEALTH, trees.hostile, 100, 100),
    Fault("flipped bytes in DATA_DIR", "start", storage.flipped, 500, 8),
    Fault("a full disk", "an answer or SIGTERM", storage.full_disk, 8, 1),
    Fault("a clock that jumps", "an index job and an answer", storage.clock, 40, 6),
    Fault("a large tree", HEALTH, trees.large, 30_000, 1500),
)
