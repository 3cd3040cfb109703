/** What arguments on the command line mean for images that came from Docker (docs/decisions/041). Pure. */

import { type Annotation, annotationValue } from '../appc/annotations.ts';
import { dockerAnnotations } from '../image/docker-annotations.ts';

/**
 * The part of an image's command that `args` are appended to. Docker's users expect arguments to replace `Cmd` and to follow
 * `Entrypoint`. An image without an entrypoint is different where the arguments begin with an option: as a command that could
 * be nothing, so they follow `Cmd`, as in rkt.
 */
export function withoutCommand(
  annotations: readonly Annotation[],
  exec: readonly string[],
  args: readonly string[],
): readonly string[] {
  const cmd = listOf(annotationValue(annotations, dockerAnnotations.cmd));
  const entrypoint = exec.slice(0, exec.length - cmd.length);
  const ends = cmd.every((word, index) => exec[entrypoint.length + index] === word);
  if (!ends || (entrypoint.length === 0 && args[0]?.startsWith('-') === true)) return exec;
  return entrypoint;
}

/** Annotations are the image's: what is no list of words counts as none. */
function listOf(text: string | undefined): readonly string[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : [];
  } catch {
    return [];
  }
}
