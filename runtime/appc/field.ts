import { RktError } from '../base/errors.ts';

/** Thrown for every violation of the schema: `<document>: <path of the field>: <reason>`. */
export function manifestError(document: string, path: string, reason: string): RktError {
  return new RktError(`${document}: ${path === '' ? '' : `${path}: `}${reason}`, { code: 'EMANIFEST' });
}

/** A value as a person recognises it in an error: JSON, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** A rule for a string: the reason why `text` breaks it, or undefined. */
export type TextRule = (text: string) => string | undefined;

/**
 * One value inside a JSON document, together with where it stands. The methods check the value's type and return it;
 * what breaks a rule is thrown as an `EMANIFEST` error that names the document and the field.
 */
export class Field {
  readonly value: unknown;
  readonly path: string;
  readonly document: string;

  constructor(document: string, path: string, value: unknown) {
    this.document = document;
    this.path = path;
    this.value = value;
  }

  fail(reason: string): never {
    throw manifestError(this.document, this.path, reason);
  }

  /** JSON's null counts as absent, because encoders of other languages write it for empty lists. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The member `name` of an object; absent members have the value undefined. */
  member(name: string): Field {
    const object = this.object();
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    return new Field(this.document, this.path === '' ? name : `${this.path}.${name}`, value);
  }

  /** Fails unless the value is there. */
  required(): Field {
    if (this.absent) this.fail('is required');
    return this;
  }

  /** Applies `read` where the value is there. */
  optional<T>(read: (field: Field) => T): T | undefined {
    return this.absent ? undefined : read(this);
  }

  object(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      this.fail(`must be an object, is ${shown(this.value)}`);
    }
    return this.value as Record<string, unknown>;
  }

  /** The elements of a list; none where it is absent. */
  list(): Field[] {
    if (this.absent) return [];
    if (!Array.isArray(this.value)) this.fail(`must be a list, is ${shown(this.value)}`);
    return this.value.map((value, index) => new Field(this.document, `${this.path}[${index}]`, value));
  }

  /** A string that keeps `rule`. NUL is refused everywhere: no path, argument or variable can carry it. */
  text(rule?: TextRule): string {
    if (typeof this.value !== 'string') this.fail(`must be a string, is ${shown(this.value)}`);
    if (this.value.includes('\0')) this.fail(`must not contain NUL, is ${shown(this.value)}`);
    const reason = rule?.(this.value);
    if (reason !== undefined) this.fail(`${reason}, is ${shown(this.value)}`);
    return this.value;
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') this.fail(`must be true or false, is ${shown(this.value)}`);
    return this.value;
  }

  integer(min: number, max: number): number {
    if (typeof this.value !== 'number' || !Number.isInteger(this.value) || this.value < min || this.value > max) {
      this.fail(`must be an integer from ${min} to ${max}, is ${shown(this.value)}`);
    }
    return this.value;
  }

  /** An object whose values are all strings. */
  textMap(): Record<string, string> {
    const entries = Object.keys(this.object()).map((name) => [name, this.member(name).text()] as const);
    return Object.fromEntries(entries);
  }
}

/** Fails at the first element whose key an earlier element has already. */
export function requireUnique<T>(fields: readonly Field[], values: readonly T[], key: (value: T) => string): void {
  const seen = new Set<string>();
  values.forEach((value, index) => {
    const name = key(value);
    if (seen.has(name)) fields[index]?.fail(`the name ${shown(name)} stands in the list already`);
    seen.add(name);
  });
}

/** Copies the members that are not undefined, so that absent stays absent (exactOptionalPropertyTypes). */
export function present<T extends object>(members: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

/** An absolute path without NUL. */
export const absolutePath: TextRule = (text) => (text.startsWith('/') ? undefined : 'must be an absolute path');

export const notEmpty: TextRule = (text) => (text === '' ? 'must not be empty' : undefined);

/** The highest user or group id: 2^32 - 1 is the kernel's "no change". */
export const maxId = 2 ** 32 - 2;
