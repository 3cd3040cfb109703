/** Text that others wrote, as a terminal may be shown it: an app names its processes as it likes. */

/** Control characters, and those that change the direction or the look of what follows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const harmful = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

const escaped = (char: string): string => {
  const code = char.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
};

/** One line without anything that would move the cursor or hide what stands there. */
export function printable(text: string): string {
  return text.toWellFormed().replace(harmful, escaped);
}
