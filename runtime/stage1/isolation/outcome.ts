/**
 * What became of an isolator (ace.md, Isolators: an executor must make information about which isolators were ignored,
 * enforced or modified available to the user).
 */
export interface IsolatorOutcome {
  readonly isolator: string;
  /** `changed`: enforced with other values than it asks for. */
  readonly outcome: 'enforced' | 'changed' | 'ignored';
  /** Why, or what is enforced instead; always there unless it is simply enforced. */
  readonly detail?: string;
  /** Nobody asked for it: it is what every app gets. */
  readonly byDefault?: true;
}

export const enforced = (isolator: string): IsolatorOutcome => ({ isolator, outcome: 'enforced' });
export const changed = (isolator: string, detail: string): IsolatorOutcome => ({
  isolator,
  outcome: 'changed',
  detail,
});
export const ignored = (isolator: string, detail: string): IsolatorOutcome => ({
  isolator,
  outcome: 'ignored',
  detail,
});
