/**
 * Finds `<meta name="…" content="…">` in whatever a server sends. A scanner, not a parser of HTML: it reads tags and attributes
 * as browsers do, skips comments and elements whose content is text, and interprets nothing of what it finds. It never goes
 * back, so its time grows with the length of the text only.
 */

export interface MetaTag {
  readonly name: string;
  readonly content: string;
}

/** Elements whose content is text, which may quote meta tags without meaning them. */
const textElements = ['script', 'style', 'textarea', 'title', 'noscript', 'xmp', 'iframe', 'noframes'];

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The character references that a URL in an attribute can need. */
function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return entities[String(name).toLowerCase()] ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

/** Reads a text from left to right. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What `pattern`, which must be sticky, matches here; '' where it does not. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** Everything up to `mark`, which is passed over; undefined, and the end is reached, where there is none. */
  takeUntil(mark: string): string | undefined {
    const end = this.#text.indexOf(mark, this.#at);
    const from = this.#at;
    this.#at = end < 0 ? this.#text.length : end + mark.length;
    return end < 0 ? undefined : this.#text.slice(from, end);
  }

  /** The same for the end tag of an element; the search does not begin at the same place twice. */
  skipElement(name: string): void {
    const end = new RegExp(`</${name}(?=[\\s/>])`, 'gi');
    end.lastIndex = this.#at;
    this.#at = end.exec(this.#text)?.index ?? this.#text.length;
  }
}

/** The attributes of a tag whose name was just read; undefined where the text ends before the tag does. */
function readAttributes(scanner: Scanner): Map<string, string> | undefined {
  const found = new Map<string, string>();
  for (;;) {
    scanner.take(/[\s/]+/y);
    if (scanner.take(/>/y) !== '') return found;
    const name = scanner.take(/=?[^\s/>=]*/y).toLowerCase();
    if (name === '') return undefined;
    let value: string | undefined = '';
    if (scanner.take(/\s*=\s*/y) !== '') {
      const quote = scanner.take(/["']/y);
      value = quote === '' ? scanner.take(/[^\s>]*/y) : scanner.takeUntil(quote);
    }
    if (value === undefined) return undefined;
    // The first of several attributes of one name counts, as in HTML.
    if (!found.has(name)) found.set(name, decode(value));
  }
}

/** All meta tags that have a name and a content, in order; names in lower case. */
export function findMetaTags(html: string): MetaTag[] {
  const tags: MetaTag[] = [];
  const scanner = new Scanner(html);
  while (scanner.takeUntil('<') !== undefined) {
    if (scanner.take(/!--/y) !== '') {
      scanner.takeUntil('-->');
      continue;
    }
    const element = scanner.take(/\/?[a-z][^\s/>]*/iy).toLowerCase();
    if (element === '') continue;
    const attributes = readAttributes(scanner);
    if (attributes === undefined) break;
    if (textElements.includes(element)) scanner.skipElement(element);
    const [name, content] = [attributes.get('name'), attributes.get('content')];
    if (element === 'meta' && name !== undefined && content !== undefined) {
      tags.push({ name: name.trim().toLowerCase(), content });
    }
  }
  return tags;
}
