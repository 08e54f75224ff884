"""What can go wrong while indexing or searching.

IndexerError
├── CodebaseUnreadable    the path is missing, is not a folder, or cannot be read
├── CodebaseEmpty         nothing in it is worth indexing; the message has the reasons
├── NotIndexed            no index for that path or id
├── EmbedderUnavailable   the embedding weights are missing or are not the published ones
│   └── EmbedderOff       the settings ask for none
├── IndexStorage          the index database cannot be used: locked, not writable
│   ├── IndexFull         the disk is full
│   └── IndexDamaged      the file is damaged or of another version; the next job rebuilds it
├── WorkerDied            content crashed the process that handled it, or took too much time or memory
│   └── NoWorker          the system starts no process for it, whatever the content is
└── IndexCancelled        the job was cancelled; what was written stays
"""


class IndexerError(Exception):
    """Base of all errors of this package; the message says what to do."""


class CodebaseUnreadable(IndexerError):
    pass


class CodebaseEmpty(IndexerError):
    pass


class NotIndexed(IndexerError):
    pass


class EmbedderUnavailable(IndexerError):
    pass


class EmbedderOff(EmbedderUnavailable):
    pass


class IndexStorage(IndexerError):
    pass


class IndexFull(IndexStorage):
    pass


class IndexDamaged(IndexStorage):
    pass


class WorkerDied(IndexerError):
    pass


class NoWorker(WorkerDied):
    pass


class IndexCancelled(IndexerError):
    pass
