/** The WWW-Authenticate header (RFC 9110, section 11.6.1): which proof of identity a server asks for. */

export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const parameterPattern = new RegExp(`\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*(?:,|$)`, 'y');
const schemePattern = new RegExp(`[\\s,]*(${token})(?=[\\s,]|$)\\s*`, 'y');

/** What some schemes (Negotiate, NTLM) have in place of parameters: base64, which nothing here needs. */
const token68Pattern = /[A-Za-z0-9._~+/-]+=*\s*(?=,|$)/y;

/** Challenges longer than this are not looked at. */
const maxLength = 8192;

/** The challenges in a header, in its order. What cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (header.length > maxLength) return challenges;
  let at = 0;
  while (at < header.length) {
    schemePattern.lastIndex = at;
    const scheme = schemePattern.exec(header)?.[1];
    if (scheme === undefined) break;
    at = schemePattern.lastIndex;
    token68Pattern.lastIndex = at;
    at += token68Pattern.exec(header)?.[0].length ?? 0;
    const parameters: Record<string, string> = {};
    for (;;) {
      parameterPattern.lastIndex = at;
      const match = parameterPattern.exec(header);
      if (match === null) break;
      at = parameterPattern.lastIndex;
      parameters[(match[1] as string).toLowerCase()] = match[3] ?? (match[2] as string).replace(/\\(.)/g, '$1');
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
  return challenges;
}
