import { describe, expect, test } from '@jest/globals';
import { createKey, Identity } from '../../../metadata-service/identity.ts';
import { uuidOf } from './fixtures.ts';

const content = Buffer.from('Old MacDonald');

describe('Identity', () => {
  test('signs with 64 bytes of base64, the same each time', () => {
    const identity = new Identity([createKey([])]);
    const signature = identity.sign(uuidOf(1), content);
    expect(signature).toMatch(/^[A-Za-z0-9+/]{86}==$/);
    expect(identity.sign(uuidOf(1), content)).toBe(signature);
  });

  test('verifies what it signed, and nothing else', () => {
    const identity = new Identity([createKey([])]);
    const signature = identity.sign(uuidOf(1), content);
    expect(identity.verify(uuidOf(1), content, signature)).toBe(true);
    expect(identity.verify(uuidOf(2), content, signature)).toBe(false);
    expect(identity.verify(uuidOf(1), Buffer.from('Old MacDonale'), signature)).toBe(false);
    expect(identity.verify(uuidOf(1), Buffer.alloc(0), signature)).toBe(false);
    expect(new Identity([createKey([])]).verify(uuidOf(1), content, signature)).toBe(false);
  });

  test('takes a uuid in either case: RFC 4122 reads both', () => {
    const uuid = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
    const identity = new Identity([createKey([])]);
    expect(identity.verify(uuid.toUpperCase(), content, identity.sign(uuid, content))).toBe(true);
  });

  test('binds uuid and content apart: moving a byte between them changes the signature', () => {
    const identity = new Identity([createKey([])]);
    expect(identity.sign('ab', Buffer.from('c'))).not.toBe(identity.sign('a', Buffer.from('bc')));
  });

  test('every bit of a signature counts', () => {
    const identity = new Identity([createKey([])]);
    const signature = Buffer.from(identity.sign(uuidOf(1), content), 'base64');
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const altered = Buffer.from(signature);
      altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(identity.verify(uuidOf(1), content, altered.toString('base64'))).toBe(false);
    }
  });

  test('refuses other spellings of the same bytes', () => {
    const identity = new Identity([createKey([])]);
    const signature = identity.sign(uuidOf(1), content);
    const slack = { A: 'B', Q: 'R', g: 'h', w: 'x' }[signature[85] as 'A' | 'Q' | 'g' | 'w'];
    const others = [
      '',
      signature.slice(0, 86),
      `${signature}\n`,
      ` ${signature}`,
      `${signature.slice(0, 85)}${slack}==`,
    ];
    for (const other of others) expect(identity.verify(uuidOf(1), content, other)).toBe(false);
    expect(identity.verify(uuidOf(1), content, Buffer.alloc(64).toString('base64'))).toBe(false);
  });

  test('after a rotation the new key signs, and old signatures verify', () => {
    const first = createKey([]);
    const identity = new Identity([first]);
    const before = identity.sign(uuidOf(1), content);
    const second = createKey([first]);
    expect(second.version).toBe(2);
    identity.replaceKeys([first, second]);
    const after = identity.sign(uuidOf(1), content);
    expect(after).not.toBe(before);
    expect(identity.verify(uuidOf(1), content, before)).toBe(true);
    expect(identity.verify(uuidOf(1), content, after)).toBe(true);
    expect(new Identity([first]).verify(uuidOf(1), content, after)).toBe(false);
  });

  test('cannot be without a key', () => {
    expect(() => new Identity([])).toThrow('an identity needs at least one key');
  });
});
