"""How models write tool calls: a table of the forms, recognised by what a chat template shows the model.

Pure data. Reading calls is the business of `parser`, putting tools into a prompt that of `conversation`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolSyntax:
    """One form. In each of them a call is a JSON object with the name of a function and its arguments."""

    name: str
    marks: tuple[str, ...]  # texts in a template that shows it
    open: str  # before calls
    close: str  # after them; "": the end of the answer
    lead: str  # what an answer that has to be a call begins with, up to its JSON object
    arguments: str = "arguments"  # the key


# The first one whose marks a template has is taken.
SYNTAXES = (
    ToolSyntax("hermes", ("<tool_call>",), "<tool_call>", "</tool_call>", "<tool_call>\n"),  # Qwen too
    ToolSyntax("mistral", ("[TOOL_CALLS]",), "[TOOL_CALLS]", "", "[TOOL_CALLS]["),
    ToolSyntax("list", ("<|tool_call|>",), "<|tool_call|>", "<|/tool_call|>", "<|tool_call|>["),  # Phi 4, Granite
    ToolSyntax("llama3", ('"parameters": dictionary',), "<|python_tag|>", "", "", "parameters"),
)
_OTHER_FORMS = ("<arg_key>",)  # inside marks of the table: GLM's calls are no JSON


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """What a model needs for tools: its own chat template (Jinja), and the form of its calls.

    Without a template the engine renders the conversation and reads the calls itself.
    """

    syntax: ToolSyntax = SYNTAXES[0]
    template: str = ""
    bos: str = ""
    eos: str = ""


BY_ENGINE = ToolFormat()


def syntax_of(template: str) -> ToolSyntax | None:
    """The form that a template shows, None if it is not in the table."""
    if any(form in template for form in _OTHER_FORMS):
        return None
    return next((syntax for syntax in SYNTAXES if all(mark in template for mark in syntax.marks)), None)
