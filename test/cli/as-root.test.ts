import test from 'ava';
import { proxiesThrough } from '../../src/cli/as-root.ts';

test('proxies go through sudo; one with a password stands in no process list', t => {
  t.deepEqual(proxiesThrough({ PATH: '/bin' }), { words: [], options: [] });
  const env = {
    http_proxy: 'http://proxy:3128',
    https_proxy: 'http://joe:secret@proxy:3128',
    no_proxy: '',
    HTTPS_PROXY: 'http://a@b',
  };
  t.deepEqual(proxiesThrough(env), {
    words: ['http_proxy=http://proxy:3128'],
    options: ['--preserve-env=https_proxy,HTTPS_PROXY'],
  });
});
