/** Help texts, made from the declarations of the commands and their options. */

import type { Command } from './command.ts';
import { globalOptions } from './global-options.ts';
import type { Option } from './options.ts';

function optionLabel(option: Option): string {
  return option.short === undefined ? longLabel(option) : `-${option.short}, ${longLabel(option)}`;
}

function longLabel(option: Option): string {
  if (option.type === 'switch') return `--${option.name}${option.default === undefined ? '' : '[=BOOL]'}`;
  if (option.type === 'value' && option.bare !== undefined) return `--${option.name}[=${option.placeholder}]`;
  return `--${option.name}=${option.placeholder}`;
}

function optionLines(options: readonly Option[]): string[] {
  const shown = options.filter((option) => option.hidden !== true);
  const width = Math.max(...shown.map((option) => optionLabel(option).length));
  return shown.map((option) => {
    const standard = option.type === 'list' ? undefined : option.default;
    const suffix = standard === undefined ? '' : ` (default ${standard})`;
    return `  ${optionLabel(option).padEnd(width)}  ${option.description}${suffix}`;
  });
}

/** Options under the headings of their groups, in the order of the declarations; those of no group come first. */
function groupedLines(title: string, options: readonly Option[], headingOf: (group: string) => string): string[] {
  const groups = new Map<string | undefined, Option[]>([[undefined, []]]);
  for (const option of options.filter(({ hidden }) => hidden !== true)) {
    groups.set(option.group, [...(groups.get(option.group) ?? []), option]);
  }
  return [...groups].flatMap(([group, members]) => {
    if (members.length === 0) return [];
    return [`${group === undefined ? title : headingOf(group)}:`, ...optionLines(members), ''];
  });
}

function commandLines(commands: readonly { name: string; summary: string }[]): string[] {
  const width = Math.max(...commands.map((command) => command.name.length));
  return commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
}

/** `rkt help`. */
export function overview(commands: readonly { name: string; summary: string }[]): string {
  return [
    'rkt runs App Container Images as pods that know who they are.',
    '',
    'Usage:',
    '  rkt [global options] COMMAND [options] [arguments]',
    '',
    'Commands:',
    ...commandLines(commands),
    '',
    'Global options, before or after the command; RKT_DIR stands in for --dir, and so on:',
    ...optionLines(globalOptions),
    '',
    '"rkt help COMMAND" tells more about one of them.',
    '',
  ].join('\n');
}

/** `rkt help NAME`. */
export function commandHelp(command: Command): string {
  const lines = [command.description, '', 'Usage:', `  rkt ${command.name} ${command.usage}`.trimEnd(), ''];
  if (command.subcommands !== undefined) lines.push('Commands:', ...commandLines(command.subcommands), '');
  lines.push(...groupedLines('Options', command.options, (group) => group));
  const ofImage = (group: string): string => `After an image, ${group[0]?.toLowerCase()}${group.slice(1)}`;
  lines.push(...groupedLines('After an image', command.imageOptions ?? [], ofImage));
  lines.push('Global options:', ...optionLines(globalOptions), '');
  return lines.join('\n');
}
