/** What verification takes and gives. No code: importing this loads nothing. */

import type { Signer } from '../image-info.ts';

export type { Signer };

/** What became of a signature that is not wrong. A wrong one is thrown as an error with code EVERIFY. */
export type Verdict =
  | { state: 'verified'; signers: Signer[] }
  | {
      /** No trusted key can judge the signature. */
      state: 'unverified';
      /** The keys that made the signatures: fingerprints (in old signatures: key ids) in lower-case hex. */
      missingKeyIds: string[];
      /** What would help, for a line of its own: `if you trust its signer: rkt trust --prefix "example.com/app"`. */
      hint: string;
    };
