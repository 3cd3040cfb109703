/**
 * Amounts of a resource (ace.md, Resource Isolators): decimals with a metric or binary suffix. They are held as whole
 * thousandths in a bigint, so that neither "0.3" nor "8Ei" is rounded.
 */

/** Thousandths of the resource's base unit: of a byte, of a core. */
export type MilliUnits = bigint;

const decimal: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  K: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binary: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

const pattern = /^\+?([0-9]*)(?:\.([0-9]*))?([numkKMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,2})$/;
/** Longer numbers than this are a mistake or an attack; the largest sensible one has 19 digits. */
const maxDigits = 40;

/** The factor of a suffix as a fraction. */
function factor(suffix: string): { multiply: bigint; divide: bigint } {
  const bits = binary[suffix];
  if (bits !== undefined) return { multiply: 1n << bits, divide: 1n };
  const exponent = decimal[suffix] ?? Number(suffix.slice(1));
  return exponent >= 0
    ? { multiply: 10n ** BigInt(exponent), divide: 1n }
    : { multiply: 1n, divide: 10n ** BigInt(-exponent) };
}

/** Parses an amount exactly. Returns thousandths, or the reason why `text` is no amount. */
export function parseQuantity(text: string): MilliUnits | { reason: string } {
  const match = pattern.exec(text);
  const whole = match?.[1] ?? '';
  const fraction = match?.[2] ?? '';
  if (match === null || whole + fraction === '' || text.length > maxDigits) {
    return { reason: 'must be an amount such as "250m", "0.5", "128M" or "2Gi"' };
  }
  const { multiply, divide } = factor(match[3] ?? '');
  const numerator = BigInt(whole + fraction) * multiply * 1000n;
  const denominator = divide * 10n ** BigInt(fraction.length);
  if (numerator % denominator !== 0n) return { reason: 'must not be finer than a thousandth' };
  return numerator / denominator;
}

/** Whole base units, rounded up, as limits in bytes are written to the kernel. */
export function wholeUnits(amount: MilliUnits): bigint {
  return (amount + 999n) / 1000n;
}
