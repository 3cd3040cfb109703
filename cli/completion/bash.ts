import type { CompletedCommand } from './model.ts';

/** Words are letters, digits and dashes: nothing in them has to be quoted. */
const words = (list: readonly string[]): string => `"${list.join(' ')}"`;

const caseOf = ({ path, options, argument, commands }: CompletedCommand): string => {
  const names = commands.map(({ name }) => name);
  const parts = [`options=${words(options.map(({ word }) => word))}`, `argument=${argument}`];
  if (names.length > 0) parts.push(`commands=${words(names)}`);
  return `    "${path.join(' ')}") ${parts.join(' ')} ;;`;
};

/** A script for bash; it needs nothing of the bash-completion package. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of rkt for bash, made by "rkt completion bash".

_rkt_describe() {
  options= argument=other commands=
  case "$1" in
${commands.map(caseOf).join('\n')}
    *) return 1 ;;
  esac
}

_rkt() {
  local word=\${COMP_WORDS[COMP_CWORD]} path= options argument commands i
  _rkt_describe ""
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --) return ;;
      -*) ;;
      *)
        # "=" is a word of its own here; what stands behind it is a value.
        if [[ \${COMP_WORDS[i]} != = && \${COMP_WORDS[i - 1]} != = && " $commands " == *" \${COMP_WORDS[i]} "* ]]; then
          path="\${path:+$path }\${COMP_WORDS[i]}"
          _rkt_describe "$path"
        fi
        ;;
    esac
  done
  [[ $word == = || \${COMP_WORDS[COMP_CWORD - 1]} == = ]] && return
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return
  fi
  case $argument in
    command) COMPREPLY=($(compgen -W "$commands" -- "$word")) ;;
    pod) COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" list --quiet 2>/dev/null)" -- "$word")) ;;
    image) COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" image list --fields=name --no-legend 2>/dev/null)" -- "$word") $(compgen -f -- "$word")) ;;
  esac
}

complete -o default -F _rkt rkt
`;
}
