"""Bodies and parameters that clients may send. Unknown fields are ignored, so that newer clients work."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from backend.api.encoding import is_text
from backend.chat.question import Question
from backend.indexing.attachments import Attachment
from backend.indexing.retrieval import QUESTION_CHARS, check_length

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
TEXT_CHARS = 1 << 18
Text = Annotated[str, Field(max_length=TEXT_CHARS)]
# A longer question is `context_too_large`, not a bad parameter: the client shortens it, or attaches the text.
QuestionText = Annotated[
    str, AfterValidator(check_length), WithJsonSchema({"type": "string", "maxLength": QUESTION_CHARS})
]
SearchPaths = Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=100)]
Retrieval = Literal["auto", "off", "only"]
Whole = Annotated[int, Field(ge=0, lt=1 << 53)]  # JSON numbers above are not exact, and the database ends at 63 bits
Path = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]


class Schema(BaseModel):
    """A null is the same as a field that is left out. All texts can be encoded."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}

    @model_validator(mode="wrap")
    @classmethod
    def _encodable(cls, data: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        built = validate(data)  # first: where a field checks its text itself, the error names the field
        if not is_text(data):
            raise ValueError("half of a surrogate pair is no text")
        return built


class LineRange(Schema):
    """Lines of a file. `range` is first and last line, 1-based, inclusive; without it, the whole file."""

    path: Path
    range: tuple[Whole, Whole] | None = None

    @field_validator("range", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, dict):
            return value.get("start"), value.get("end")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.range is not None and not 1 <= self.range[0] <= self.range[1]:
            raise ValueError("range is [first, last], 1-based, first <= last")
        return self


class Context(LineRange):
    """An open file or a selection."""

    text: str | None = None

    @property
    def attachment(self) -> Attachment:
        return Attachment(self.path, self.range, self.text)


class Initialize(Schema):
    client: dict[str, object] = {}


class SessionOpen(Schema):
    session: Id | None = None
    after: Whole | None = None
    workspace: Path | None = None
    model: str | None = Field(None, max_length=200)


class Asking(Schema):
    """The fields that a socket's prompt and a REST query have in common."""

    context: list[Context] = Field(default=[], max_length=50)
    exclude: list[LineRange] = Field(default=[], max_length=100)  # found code that overlaps one is left out
    replaces: Id | None = None  # the last turn of the conversation, which is asked again or edited
    retrieval: Retrieval = "auto"
    model: str = Field("", max_length=200)
    max_tokens: Annotated[int, Field(ge=1, le=1 << 17)] | None = None
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    first_token_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None  # None: the server's setting
    lead: bool | None = None  # begin the answer with a part that needs no model; None: the setting

    def as_question(self, session: str, turn: str, text: str, conversation: str | None) -> Question:
        """The question with these options."""
        return Question(
            session=session,
            turn=turn,
            text=text,
            conversation=conversation,
            attachments=tuple(item.attachment for item in self.context),
            excluded=tuple(Attachment(item.path, item.range) for item in self.exclude),
            replaces=self.replaces,
            retrieval=self.retrieval,
            model=self.model,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            first_token_s=self.first_token_s,
            lead=self.lead,
        )


class SessionPrompt(Asking):
    session: Id
    conversation: Id | None = None
    turn: Id
    text: QuestionText

    @property
    def question(self) -> Question:
        return self.as_question(self.session, self.turn, self.text, self.conversation)


class SessionCancel(Schema):
    session: Id
    turn: Id | None = None


class SessionPrefetch(Schema):
    session: Id
    text: QuestionText


class Complete(Schema):
    """`prefix` and `suffix` are what stands around the place to be filled in."""

    prefix: Text
    suffix: Text = ""
    path: Path | None = None
    max_tokens: Annotated[int, Field(ge=1, le=256)] = 64


class Search(Schema):
    query: QuestionText
    codebase: str | None = None
    limit: int = Field(10, ge=1, le=50)
    paths: SearchPaths = []


class Nothing(Schema):
    pass


class TitleBody(Schema):
    title: str = Field(max_length=1000)


class SignInBody(Schema):
    code: str = Field(max_length=200)


class Query(Asking):
    """The body of `POST /chat/query`."""

    query: QuestionText
    session_id: Id | None = None
    conversation_id: Id | None = None
    turn_id: Id | None = None
    codebase: str | None = None
    stream: bool = False


class SearchBody(Schema):
    """The body of `POST /search`."""

    query: QuestionText
    codebase: str | None = None
    k: int = Field(10, ge=1, le=50)
    paths: SearchPaths = []


class IndexBody(Schema):
    path: Annotated[Path, Field(min_length=1)]
    wait: bool = False
    watch: bool | None = None  # None: the server's setting


class ClearBody(Schema):
    session_id: Id


class CancelBody(Schema):
    session_id: Id
    turn_id: Id | None = None
