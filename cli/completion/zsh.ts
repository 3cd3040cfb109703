import type { CompletedCommand } from './model.ts';

/** One entry of _describe: in single quotes, the colon that ends the word is the first one without a backslash. */
function entry(word: string, description: string): string {
  const text = `${word.replaceAll(':', '\\:')}:${description}`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const list = (name: string, entries: readonly string[]): string =>
  `      ${name}=(${entries.map((text) => `\n        ${text}`).join('')}${entries.length === 0 ? '' : '\n      '})`;

function caseOf({ path, options, argument, commands }: CompletedCommand): string {
  const switches = options.filter(({ word }) => !word.endsWith('='));
  const valued = options.filter(({ word }) => word.endsWith('='));
  return [
    `    '${path.join(' ')}')`,
    list(
      'switches',
      switches.map(({ word, description }) => entry(word, description)),
    ),
    list(
      'valued',
      valued.map(({ word, description }) => entry(word, description)),
    ),
    list(
      'commands',
      commands.map(({ name, summary }) => entry(name, summary)),
    ),
    `      argument=${argument}`,
    '      ;;',
  ].join('\n');
}

/** A script for zsh: a file named _rkt in a directory of fpath, or sourced after compinit. */
export function zshScript(all: readonly CompletedCommand[]): string {
  return `#compdef rkt
# Completion of rkt for zsh, made by "rkt completion zsh".

_rkt_describe() {
  case "$1" in
${all.map(caseOf).join('\n')}
    *) return 1 ;;
  esac
}

_rkt() {
  local path_of_command= word argument
  local -a switches valued commands
  _rkt_describe ''
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -- ]] && { _files; return }
    [[ $word == -* ]] && continue
    if (( \${commands[(I)$word:*]} )); then
      path_of_command="\${path_of_command:+$path_of_command }$word"
      _rkt_describe "$path_of_command"
    fi
  done
  if [[ $PREFIX == -*=* ]]; then
    compset -P '*='
    _files
  elif [[ $PREFIX == -* ]]; then
    _describe -o 'option' switches
    _describe -o 'option' valued -S ''
  else
    case $argument in
      command) _describe 'command' commands ;;
      pod) compadd -- \${(f)"$($words[1] list --quiet 2>/dev/null)"} ;;
      image) compadd -- \${(f)"$($words[1] image list --fields=name --no-legend 2>/dev/null)"}; _files ;;
      *) _files ;;
    esac
  fi
}

if [[ $funcstack[1] == _rkt ]]; then _rkt "$@"; else compdef _rkt rkt; fi
`;
}
