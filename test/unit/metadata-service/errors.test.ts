import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { errorCatalogue, ServiceError } from '../../../metadata-service/errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/metadata-service.md'), 'utf8');

describe('the error catalogue', () => {
  test('is the table of the documentation, row by row', () => {
    const rows = Array.from(page.matchAll(/^\| `(\w+)` \| (\d{3}) \| (.+) \|$/gm), ([, code, status, message]) => ({
      code,
      status: Number(status),
      message,
    }));
    expect(rows).toEqual(errorCatalogue());
  });

  test('becomes a JSON body with the code, the sentence and the detail', () => {
    const error = new ServiceError('missing_field', 'It is "content".');
    expect(error.status).toBe(400);
    expect(JSON.parse(error.body())).toEqual({
      error: { code: 'missing_field', message: 'A form field is missing. It is "content".' },
    });
  });
});
