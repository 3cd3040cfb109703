/** The version of rkt; the same as in package.json, which a test checks. */
export const version = '0.1.0';

/** The version of the App Container specification that rkt follows and writes into manifests. */
export const appcVersion = '0.8.11';
