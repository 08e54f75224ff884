"""What can go wrong while a prompt is built.

PromptError
├── QuestionTooLarge      system prompt and question alone do not fit
└── TemplateRejected      a model's own chat template is malformed, hostile or cannot carry a conversation
"""


class PromptError(Exception):
    """Base of all errors of this package; the message says what to do."""


class QuestionTooLarge(PromptError):
    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(
            f"the question needs {tokens} tokens with its system prompt, {limit} fit: "
            "shorten it, or choose a model with a longer context"
        )
        self.tokens, self.limit = tokens, limit


class TemplateRejected(PromptError):
    pass
