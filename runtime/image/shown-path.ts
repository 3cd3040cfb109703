/** A name as people are shown it: UTF-8 where it is, escaped where it would disturb a terminal. */
export function shownPath(path: Uint8Array): string {
  const text = Buffer.from(path).toString('utf8');
  const escaped = JSON.stringify(text.length <= 200 ? text : `${text.slice(0, 197)}...`);
  return escaped.replace(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}
