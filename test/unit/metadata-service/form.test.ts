import { describe, expect, test } from '@jest/globals';
import { parseForm, requiredField } from '../../../metadata-service/form.ts';

const parse = (text: string) => parseForm(Buffer.from(text, 'latin1'));

describe('parseForm', () => {
  test('keeps every byte that was percent-encoded', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const encoded = Array.from(all, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    expect(parse(`content=${encoded}`).get('content')).toEqual(all);
    expect(parse(`content=${encoded.toUpperCase()}`).get('content')).toEqual(all);
  });

  test('keeps bytes that were not encoded, and takes + for a space', () => {
    expect(parse('content=\xff+\x80\n').get('content')).toEqual(Buffer.from([0xff, 0x20, 0x80, 0x0a]));
    expect(parse('content=%2B').get('content')?.toString()).toBe('+');
  });

  test('splits at the first equals sign, decodes names, and skips empty pairs', () => {
    const form = parse('&a=b=c&&%61b=1&');
    expect(Array.from(form, ([name, value]) => [name, value.toString()])).toEqual([
      ['a', 'b=c'],
      ['ab', '1'],
    ]);
  });

  test('tells an empty field from one that is not there', () => {
    expect(requiredField(parse('content='), 'content')).toEqual(Buffer.alloc(0));
    expect(requiredField(parse('content'), 'content')).toEqual(Buffer.alloc(0));
    expect(() => requiredField(parse('other=1'), 'content')).toThrow(
      expect.objectContaining({ code: 'missing_field', message: 'A form field is missing. It is "content".' }),
    );
  });

  test.each(['content=%', 'content=%4', 'content=%4g', 'content=%g4', 'content=%%41', 'a%=1'])(
    'refuses the broken escape in %j',
    (body) => {
      expect(() => parse(body)).toThrow(
        expect.objectContaining({ code: 'bad_form', message: expect.stringContaining('two hexadecimal digits') }),
      );
    },
  );

  test('refuses a field that stands twice, also under another spelling', () => {
    expect(() => parse('content=a&%63ontent=b')).toThrow(
      expect.objectContaining({ code: 'bad_form', message: expect.stringContaining('stands in it twice') }),
    );
  });
});
