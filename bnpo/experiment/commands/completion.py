"""``bnpo completion``: completion of commands, names and keys in a shell."""

from __future__ import annotations

from typing import Literal

from bnpo.config import config
from bnpo.experiment.command import COMMANDS, Command, command_of

__all__ = ["CompletionOptions", "completion"]

_BASH = """\
# Completion of bnpo for bash: source <(bnpo completion bash)
_bnpo() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} given=" ${{COMP_WORDS[*]:1:COMP_CWORD-1}} " words
    [[ $word == "=" || ${{COMP_WORDS[COMP_CWORD-1]}} == "=" ]] && return
    case $given in
{cases}
        " help ") words="{commands} {run}" ;;
        *" with "*) words="{run}" ;;
        "  ") words="{commands} help with" ;;
        *) words="with" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace
}}
complete -o default -F _bnpo bnpo
"""

_ZSH = "# Completion of bnpo for zsh: source <(bnpo completion zsh)\nautoload -U +X bashcompinit"


@config
class CompletionOptions:
    """Options of ``bnpo completion``."""

    shell: Literal["bash", "zsh"]
    """Shell whose completion is printed."""


def completion(options: CompletionOptions) -> int:
    """Print what completes commands, names and keys: source <(bnpo completion bash)."""
    from bnpo.compose.schema import names_of
    from bnpo.config.keys import BRAIN, run_keys
    from bnpo.presets import PRESETS, TASKS
    from bnpo.show.text import say

    keys = [key for key in run_keys() if BRAIN not in key]
    cases = []
    for name in COMMANDS:
        kind = command_of(name).options
        if kind is not None:
            words = " ".join(f"{key}=" for key in names_of(kind))
            cases.append(f'        " {name} "*) words="with {words}" ;;')
    script = _BASH.format(
        cases="\n".join(cases),
        commands=" ".join(COMMANDS),
        run=" ".join([*PRESETS, *TASKS, *(f"{key}=" for key in keys)]),
    )
    if options.shell == "zsh":
        script = f"{_ZSH}; bashcompinit\n{script.partition(chr(10))[2]}"
    say(script.rstrip())
    return 0


COMMAND = Command(function=completion, options=CompletionOptions, word="shell")
