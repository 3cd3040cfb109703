import { expect, test } from '@jest/globals';
import { withoutCommand } from '../../../runtime/pod/docker-command.ts';

const cmd = (value: string) => [{ name: 'appc.io/docker/cmd', value }];

test.each([
  ['Cmd is replaced', ['/entry', 'serve'], '["serve"]', ['check'], ['/entry']],
  ['also by options, where there is an entrypoint', ['/entry', 'serve'], '["serve"]', ['-v'], ['/entry']],
  ['without an entrypoint nothing is left', ['sh'], '["sh"]', ['ls', '-l'], []],
  ['unless the arguments are options, which are no command', ['sh'], '["sh"]', ['-c', 'true'], ['sh']],
  ['no Cmd', ['/entry'], '[]', ['x'], ['/entry']],
  ['the annotation says something else than the image', ['/entry', 'a'], '["b"]', ['x'], ['/entry', 'a']],
  ['the annotation is longer than the command', ['a'], '["b","a"]', ['x'], ['a']],
  ['the annotation is nonsense', ['/entry', 'a'], '{', ['x'], ['/entry', 'a']],
  ['the annotation is no list of words', ['/entry', 'a'], '[1]', ['x'], ['/entry', 'a']],
])('%s', (_, exec, annotation, args, left) => {
  expect(withoutCommand(cmd(annotation), exec, args)).toEqual(left);
});

test('images that did not come from Docker keep their command', () => {
  expect(withoutCommand([], ['/bin/app', 'serve'], ['x'])).toEqual(['/bin/app', 'serve']);
});
