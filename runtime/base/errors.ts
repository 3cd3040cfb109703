/**
 * Errors that a person reads. Every failure that rkt can foresee is thrown as a RktError: one sentence that says what
 * was being done, to what, and why it failed, and where it helps a hint that says what to do about it.
 */

const brand = Symbol.for('rkt.error');

export interface RktErrorOptions {
  /** A stable, machine-readable name, e.g. `ENOTROOT` or `EIMAGE`. */
  code?: string;
  /** What the user can do about it; printed on a line of its own. */
  hint?: string;
  /** The error underneath; printed with `--debug`. */
  cause?: unknown;
}

export class RktError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly [brand] = true;

  constructor(message: string, options: RktErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RktError';
    this.code = options.code ?? 'ERKT';
    this.hint = options.hint;
  }
}

/** True for a RktError of any bundle (`instanceof` would only know the class of its own bundle). */
export function isRktError(error: unknown): error is RktError {
  return typeof error === 'object' && error !== null && brand in error;
}

/** Not `instanceof`: an error may come from another realm. */
const isError = (error: unknown): error is Error =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';

/** What was being done when a system call failed, in words; others are named as they are. */
const deeds: Readonly<Record<string, string>> = {
  scandir: 'read',
  readlink: 'read',
  stat: 'look at',
  lstat: 'look at',
  access: 'look at',
  mkdir: 'make',
  mkdtemp: 'make',
  unlink: 'remove',
  rmdir: 'remove',
  rm: 'remove',
  copyfile: 'copy',
};

/**
 * The message of anything that was thrown. Failed system calls are said in words: `cannot open /x: no such file or directory`
 * for node's `ENOENT: no such file or directory, open '/x'`.
 */
export function messageOf(error: unknown): string {
  if (!isError(error)) return String(error);
  const { code, syscall, path, message } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || !message.startsWith(`${code}: `)) return message;
  const reason = message.slice(code.length + 2).split(`, ${syscall}`)[0] as string;
  const target = path === undefined ? '' : ` ${path}`;
  return `cannot ${deeds[syscall] ?? syscall}${target}: ${reason}`;
}

/** The errno name (`ENOENT`, …) of a system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The chain of causes below an error, outermost first, as `--debug` prints it: system errors as node words them. */
export function causesOf(error: unknown): string[] {
  const chain: string[] = [];
  const seen = new Set<unknown>();
  let current: unknown = error;
  while (current !== undefined && current !== null && !seen.has(current)) {
    seen.add(current);
    chain.push(isError(current) ? current.message : String(current));
    current = isError(current) ? current.cause : undefined;
  }
  return chain;
}
