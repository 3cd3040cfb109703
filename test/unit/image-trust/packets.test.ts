import { describe, expect, test } from '@jest/globals';
import { contentsOf } from '../../../runtime/image/trust/packets.ts';

const block = (label: string): string => `-----BEGIN PGP ${label}-----\n\nAAAA\n-----END PGP ${label}-----\n`;
const kindOf = (content: string | number[]): string =>
  contentsOf(typeof content === 'string' ? Buffer.from(content) : Uint8Array.from(content)).kind;

describe('what a file holds', () => {
  test.each([
    ['', 'nothing'],
    ['\n \n', 'nothing'],
    ['hello', 'unknown'],
    [block('SIGNATURE'), 'signature'],
    [`some words before\n${block('SIGNATURE')}`, 'signature'],
    [block('SIGNATURE').replaceAll('\n', '\r\n'), 'signature'],
    [block('PUBLIC KEY BLOCK'), 'public key'],
    [block('PRIVATE KEY BLOCK'), 'secret key'],
    [block('MESSAGE'), 'message'],
    [`-----BEGIN PGP SIGNED MESSAGE-----\n\nhi\n${block('SIGNATURE')}`, 'clearsigned text'],
    [block('SIGNATURE') + block('PUBLIC KEY BLOCK'), 'unknown'],
    [block('MAGIC'), 'unknown'],
  ])('text %j: %s', (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  test.each([
    ['signature, old form', [0x88, 0x00], 'signature'],
    ['signature, new form', [0xc2, 0x00], 'signature'],
    ['public key', [0x99, 0x00], 'public key'],
    ['secret key', [0x95, 0x00], 'secret key'],
    ['one-pass signature', [0x90, 0x00], 'message'],
    ['compressed data', [0xa3, 0x00], 'message'],
    ['literal data', [0xcb, 0x00], 'message'],
    ['user id', [0xb4, 0x00], 'unknown'],
  ])('packet: %s', (_, bytes, kind) => {
    expect(kindOf(bytes)).toBe(kind);
  });

  test('blocks are told apart', () => {
    const { blocks } = contentsOf(Buffer.from(`before\n${block('SIGNATURE')}between\n${block('SIGNATURE')}`));
    expect(blocks).toEqual([`${block('SIGNATURE')}between\n`, block('SIGNATURE')]);
  });
});
